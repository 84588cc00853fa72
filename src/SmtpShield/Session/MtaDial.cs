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

    private readonly CancellationTokenSource _ends;
    private readonly Task<UpstreamDialResult> _dial;

    /// <summary>Begins one.</summary>
    /// <param name="dialer">Makes the connection.</param>
    /// <param name="hello">What it says of the client's: its HELO or EHLO line, without its end; empty: nothing.</param>
    /// <param name="clock">The session's time.</param>
    public MtaDial(IMtaDialer dialer, ReadOnlyMemory<byte> hello, SessionClock clock)
    {
        _ends = clock.NewCancellation();
        _dial = dialer.DialAsync(hello, _ends.Token).AsTask();
    }

    /// <summary>Its result is there.</summary>
    public bool IsOver => _dial.IsCompleted;

    /// <summary>Calls somebody when it is over, unless it is.</summary>
    public void WhenOver(Action continuation)
    {
        if (!IsOver)
            _dial.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(continuation);
    }

    /// <summary>Ends it soon.</summary>
    public void GiveUp() => _ends.Cancel();

    /// <summary>What came of it, once; null: it was given up. Only when it is over.</summary>
    public UpstreamDialResult? TakeResult()
    {
        try
        {
            return _dial.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (_ends.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            _ends.Dispose();
        }
    }

    /// <summary>Nobody waits for it any more: it is given up after <see cref="LongestFarewell"/>, and an MTA that answers until then is told QUIT.</summary>
    public void Abandon()
    {
        _ends.CancelAfter(LongestFarewell);
        _ = FinishAsync();
    }

    private async Task FinishAsync()
    {
        try
        {
            if ((await _dial.ConfigureAwait(false)).Connection is not { } connection)
                return;
            await using (connection.ConfigureAwait(false))
                await connection.QuitAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // There is nobody left to tell.
        }
        finally
        {
            _ends.Dispose();
        }
    }
}
