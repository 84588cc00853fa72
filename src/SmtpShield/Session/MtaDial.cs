using SmtpShield.Mta;

namespace SmtpShield.Session;

/// <summary>A dial under way. Who waited for it may leave: then it ends by itself, and the MTA's session with it.</summary>
internal sealed class MtaDial
{
    /// <summary>
    /// How long a dial goes on whose client is gone. The MTA is not left in the middle of its greeting: a reset behind a PROXY
    /// header can end a Postfix process.
    /// </summary>
    public static readonly TimeSpan LongestFarewell = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _queueEnds;
    private readonly CancellationTokenSource _ends;
    private readonly Task<UpstreamDialResult> _dial;

    /// <summary>Begins one.</summary>
    /// <param name="mtas">Who makes the connection.</param>
    /// <param name="hello">What it says of the client's: its HELO or EHLO line, without its end; empty: nothing.</param>
    /// <param name="mayReuse">Whether another client's session may go on with this one.</param>
    /// <param name="signal">Set when it is over, and when something is asked of the session.</param>
    /// <param name="clock">The session's time.</param>
    public MtaDial(IMtaDialer mtas, ReadOnlyMemory<byte> hello, bool mayReuse, SessionSignal signal, SessionClock clock)
    {
        (_queueEnds, _ends) = (clock.NewCancellation(), clock.NewCancellation());
        _dial = mtas.DialAsync(hello, mayReuse, signal.Set, _queueEnds.Token, _ends.Token).AsTask();
        if (!IsOver)
            _dial.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(signal.Set);
    }

    /// <summary>Its result is there.</summary>
    public bool IsOver => _dial.IsCompleted;

    /// <summary>Waits no longer for a session at the MTA to be free. A connection that is being made goes on.</summary>
    public void LeaveQueue() => _queueEnds.Cancel();

    /// <summary>Ends it soon.</summary>
    public void GiveUp() => _ends.Cancel();

    /// <summary>What came of it, once; null: it was given up. Only when it is over.</summary>
    public UpstreamDialResult? TakeResult()
    {
        try
        {
            return _dial.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (_ends.IsCancellationRequested || _queueEnds.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            Dispose();
        }
    }

    /// <summary>Nobody waits for it any more: it is given up after <see cref="LongestFarewell"/>, and an MTA that answers until then is told QUIT.</summary>
    public void Abandon()
    {
        LeaveQueue();
        _ends.CancelAfter(LongestFarewell);
        _ = FinishAsync();
    }

    private async Task FinishAsync()
    {
        try
        {
            if ((await _dial.ConfigureAwait(false)).Connection is { } connection)
                connection.Quit();
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // There is nobody left to tell.
        }
        finally
        {
            Dispose();
        }
    }

    private void Dispose()
    {
        _ends.Dispose();
        _queueEnds.Dispose();
    }
}
