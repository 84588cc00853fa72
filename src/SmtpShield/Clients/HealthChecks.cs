namespace SmtpShield.Clients;

/// <summary>
/// How many connections of a service are taken for a proxy's health checks, which are neither counted nor logged. Some proxies say LOCAL of every client they
/// can't name; beyond what checks need, such a connection is a client's, with the proxy's address.
/// </summary>
internal sealed class HealthChecks(TimeProvider time)
{
    /// <summary>Checks at the same time.</summary>
    /// <value>50, as many as <c>smtpd_client_connection_count_limit</c> gives a client by default. A balancer has one under way for each server, or a few where
    /// it closes before the MTA has greeted.</value>
    public const int MostAtOnce = 50;

    /// <summary>Checks that begin within <see cref="Window"/>.</summary>
    /// <value>3000: 50 a second.</value>
    public const int MostInWindow = 3000;

    /// <summary>How long checks are counted. Begins with the first one, like the window of a rate.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    private readonly Lock _lock = new();
    private int _atOnce;
    private int _inWindow;
    private long? _windowStart;

    /// <summary>Takes a connection for a check.</summary>
    /// <returns>To be disposed at its end; null if there are too many.</returns>
    public Check? TryBegin()
    {
        lock (_lock)
        {
            if (_windowStart is not { } start || time.GetElapsedTime(start) >= Window)
                (_windowStart, _inWindow) = (time.GetTimestamp(), 0);
            if (_atOnce >= MostAtOnce || _inWindow >= MostInWindow)
                return null;

            _atOnce++;
            _inWindow++;
            return new(this);
        }
    }

    private void End()
    {
        lock (_lock)
            _atOnce--;
    }

    /// <summary>A check that is under way.</summary>
    public sealed class Check : IDisposable
    {
        private HealthChecks? _checks;

        internal Check(HealthChecks checks) => _checks = checks;

        /// <inheritdoc/>
        public void Dispose() => Interlocked.Exchange(ref _checks, null)?.End();
    }
}
