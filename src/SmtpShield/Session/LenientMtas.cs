using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Session;

/// <summary>
/// MTAs that have accepted MAIL or RCPT where Postfix refuses and does not count them: without <c>FROM:</c> or <c>TO:</c>, inside
/// a transaction, outside of one. What such an MTA is sent is judged before it is forwarded, however it is written. Bounded by the number of destinations.
/// </summary>
internal sealed class LenientMtas(ILogger<LenientMtas> log)
{
    private const int MostDestinations = 1000;

    private readonly ConcurrentDictionary<string, bool> _destinations = new();

    /// <summary>Whether a destination is one.</summary>
    public bool Contains(string destination) => _destinations.ContainsKey(destination);

    /// <summary>A destination has shown that it is one.</summary>
    public void Add(string destination)
    {
        if (_destinations.Count < MostDestinations && _destinations.TryAdd(destination, true))
            RelayLog.LenientMta(log, destination);
    }
}
