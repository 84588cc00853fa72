using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Session;

/// <summary>Says once per destination which of its EHLO keywords clients don't get to see. Bounded, because the words are the MTA's.</summary>
internal sealed class RemovedEhloKeywords(ILogger<RemovedEhloKeywords> log)
{
    private const int MostDestinations = 1000;

    private readonly ConcurrentDictionary<string, string> _reported = new();

    /// <summary>Logs the removed keywords of a destination unless the same ones were logged before.</summary>
    public void Report(string destination, IReadOnlyList<string> keywords)
    {
        if (keywords.Count == 0)
            return;

        var text = Observe.ClientText.Escape(System.Text.Encoding.Latin1.GetBytes(string.Join(' ', keywords)));
        if (_reported.TryGetValue(destination, out var before) ? before == text : _reported.Count >= MostDestinations)
            return;

        _reported[destination] = text;
        RelayLog.EhloKeywordsRemoved(log, destination, text);
    }
}
