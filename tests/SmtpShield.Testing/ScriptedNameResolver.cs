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
    private TaskCompletionSource _answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<string> _questions = new();
    private int _asking;

    /// <summary>One that answers.</summary>
    public ScriptedNameResolver() => _answers.SetResult();

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyCollection<string> Questions => _questions;

    /// <summary>Questions that wait for an answer.</summary>
    public int Asking => Volatile.Read(ref _asking);

    /// <summary>Which questions never get an answer, whatever it may.</summary>
    public Func<string, bool> IsUnanswered { get; init; } = static _ => false;

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
        _answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
        return this;
    }

    /// <summary>Answers, also what was asked meanwhile.</summary>
    public void Answer() => _answers.TrySetResult();

    /// <inheritdoc/>
    public async ValueTask<NameAnswer> NameOfAsync(IPAddress address, CancellationToken cancellationToken)
    {
        await AskAsync($"{address}", cancellationToken);
        return new(_names.GetValueOrDefault(address, ""), FailsTemporarily);
    }

    /// <inheritdoc/>
    public async ValueTask<AddressAnswer> AddressesOfAsync(string name, AddressFamily family, CancellationToken cancellationToken)
    {
        await AskAsync(name, cancellationToken);
        IPAddress[] addresses = [.. _addresses.GetValueOrDefault(name, []).Where(address => address.AddressFamily == family)];
        return new(
            addresses, addresses.Length > 0 ? "" : FailsTemporarily ? "Temporary failure in name resolution" : "Name or service not known", FailsTemporarily);
    }

    /// <summary>Answers who still asks.</summary>
    public void Dispose() => Answer();

    private async Task AskAsync(string question, CancellationToken cancellationToken)
    {
        _questions.Enqueue(question);
        Asked();
        Interlocked.Increment(ref _asking);
        try
        {
            await (IsUnanswered(question)
                ? Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken)
                : _answers.Task.WaitAsync(cancellationToken));
        }
        finally
        {
            Interlocked.Decrement(ref _asking);
        }
    }
}
