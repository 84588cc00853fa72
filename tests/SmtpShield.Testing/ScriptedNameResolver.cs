using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using SmtpShield.Clients;

namespace SmtpShield.Testing;

/// <summary>A name service that knows what it is told, and answers when it may.</summary>
internal sealed class ScriptedNameResolver : INameResolver, IDisposable
{
    private readonly Dictionary<IPAddress, string> _names = [];
    private readonly Dictionary<string, IPAddress[]> _addresses = [];
    private readonly ManualResetEventSlim _answers = new(true);
    private readonly ConcurrentQueue<string> _questions = new();
    private int _asking;
    private int _onPoolThreads;

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyCollection<string> Questions => _questions;

    /// <summary>Questions that wait for an answer.</summary>
    public int Asking => Volatile.Read(ref _asking);

    /// <summary>Questions asked on a thread of the thread pool.</summary>
    public int OnPoolThreads => Volatile.Read(ref _onPoolThreads);

    /// <summary>What happens at each question, on the thread that asks.</summary>
    public Action Asked { get; set; } = static () => { };

    /// <summary>Whether it says of what it doesn't know that it may know it later.</summary>
    public bool FailsTemporarily { get; init; }

    /// <summary>Gives an address a name, and the name its addresses, if any.</summary>
    public ScriptedNameResolver With(string address, string name, params string[] addresses)
    {
        _names[IPAddress.Parse(address)] = name;
        if (addresses.Length > 0)
            _addresses[name] = [.. addresses.Select(IPAddress.Parse)];
        return this;
    }

    /// <summary>From now on questions stay without an answer.</summary>
    public ScriptedNameResolver Silence()
    {
        _answers.Reset();
        return this;
    }

    /// <summary>Answers, also what was asked meanwhile.</summary>
    public void Answer() => _answers.Set();

    /// <inheritdoc/>
    public string? NameOf(IPAddress address, out bool isTemporary)
    {
        Ask($"{address}");
        isTemporary = FailsTemporarily;
        return _names.GetValueOrDefault(address);
    }

    /// <inheritdoc/>
    public bool TryGetAddresses(string name, AddressFamily family, out IPAddress[] addresses, out string error, out bool isTemporary)
    {
        Ask(name);
        isTemporary = FailsTemporarily;
        addresses = [.. _addresses.GetValueOrDefault(name, []).Where(address => address.AddressFamily == family)];
        error = addresses.Length > 0 ? "" : FailsTemporarily ? "Temporary failure in name resolution" : "Name or service not known";
        return addresses.Length > 0;
    }

    /// <summary>Lets the threads go that still ask.</summary>
    public void Dispose() => _answers.Set();

    private void Ask(string question)
    {
        _questions.Enqueue(question);
        if (Thread.CurrentThread.IsThreadPoolThread)
            Interlocked.Increment(ref _onPoolThreads);
        Interlocked.Increment(ref _asking);
        Asked();
        _answers.Wait();
        Interlocked.Decrement(ref _asking);
    }
}
