using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Mta;

/// <summary>
/// The addresses of a destination that is given by a name. Looked up in the background, again each <see cref="Interval"/> as long as it is used; a dial waits
/// for an answer only when none is known yet, all dials for the same one. A resolver that fails leaves the last answer in force.
/// </summary>
/// <param name="host">The name.</param>
/// <param name="transport">Looks it up.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where a resolver that fails is told of, once.</param>
internal sealed partial class UpstreamName(string host, IUpstreamTransport transport, TimeProvider time, ILogger log)
{
    /// <summary>How long an answer is good without another look.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    /// <summary>Of an answer with more addresses the first ones are used.</summary>
    public const int MostAddresses = 16;

    private readonly Lock _gate = new();
    private IPAddress[] _known = [];
    private Task<IPAddress[]>? _asking;
    private long _askedAt;
    private int _turn;
    private bool _hasFailed;

    /// <summary>The addresses, in the order to try: each time another one is the first.</summary>
    /// <param name="cancellationToken">Ends the wait for the first answer.</param>
    /// <exception cref="SocketException">The name was not found, or could not be looked up now, and never was.</exception>
    public async ValueTask<IPAddress[]> AddressesAsync(CancellationToken cancellationToken)
    {
        var known = Volatile.Read(ref _known);
        if (known.Length == 0)
            known = await Refresh().WaitAsync(cancellationToken).ConfigureAwait(false);
        else
            RefreshIfOld();

        var first = (int)((uint)(Interlocked.Increment(ref _turn) - 1) % (uint)known.Length);
        return first == 0 ? known : [.. known[first..], .. known[..first]];
    }

    /// <summary>Those known now; none before the first answer.</summary>
    public IReadOnlyList<IPAddress> Known => Volatile.Read(ref _known);

    /// <summary>Whether an address is one of those known now.</summary>
    public bool Contains(IPAddress address) => Array.IndexOf(Volatile.Read(ref _known), address) >= 0;

    /// <summary>Looks the name up again if the answer is old; nobody waits for it.</summary>
    public void RefreshIfOld()
    {
        lock (_gate)
        {
            if (_asking is not null || time.GetElapsedTime(_askedAt) < Interval)
                return;
        }

        _ = Refresh();
    }

    // One look-up at a time, whoever waits for it.
    private Task<IPAddress[]> Refresh()
    {
        var answer = new TaskCompletionSource<IPAddress[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_asking is not null)
                return _asking;
            (_asking, _askedAt) = (answer.Task, time.GetTimestamp());
        }

        _ = AskAsync(answer);
        return answer.Task;
    }

    private async Task AskAsync(TaskCompletionSource<IPAddress[]> answer)
    {
        try
        {
            var found = await transport.ResolveAsync(host, CancellationToken.None).ConfigureAwait(false);
            if (found.Length == 0)
                throw new SocketException((int)SocketError.HostNotFound);
            Finish(answer, found.Length > MostAddresses ? found[..MostAddresses] : found);
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            Fail(answer, exception as SocketException ?? new SocketException((int)SocketError.HostNotFound));
        }
    }

    private void Finish(TaskCompletionSource<IPAddress[]> answer, IPAddress[] found)
    {
        lock (_gate)
            (_known, _asking, _hasFailed) = (found, null, false);
        answer.SetResult(found);
    }

    private void Fail(TaskCompletionSource<IPAddress[]> answer, SocketException error)
    {
        bool isNew;
        lock (_gate)
        {
            isNew = _known.Length > 0 && !_hasFailed;
            (_asking, _hasFailed) = (null, true);
        }

        if (isNew)
            Log.NameFailed(log, host, error.Message);
        answer.SetException(error);
        // Nobody may be waiting for it.
        _ = answer.Task.Exception;
    }

    private static partial class Log
    {
        [LoggerMessage(1600, LogLevel.Warning, "look-up of upstream {Host} failed: {Reason}; its last addresses are used", EventName = "NameFailed")]
        public static partial void NameFailed(ILogger logger, string host, string reason);
    }
}
