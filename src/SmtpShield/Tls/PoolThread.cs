namespace SmtpShield.Tls;

/// <summary>Where a handshake computes: it takes milliseconds, which a thread that many sockets wait for has not.</summary>
internal static class PoolThread
{
    /// <summary>Goes on on a thread of the pool. On one already: at once.</summary>
    public static async ValueTask EnterAsync()
    {
        if (!Thread.CurrentThread.IsThreadPoolThread)
            await Task.Yield();
    }
}
