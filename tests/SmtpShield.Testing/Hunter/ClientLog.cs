namespace SmtpShield.Testing.Hunter;

/// <summary>What happened at the client's end, one character an octet.</summary>
/// <param name="Sent">All it sent.</param>
/// <param name="WriteEnds">Where in it each write ended.</param>
/// <param name="Received">All it received; if it vanished, only what it had read by then.</param>
/// <param name="HasVanished">It closed or reset the connection while it was still being served.</param>
internal sealed record ClientLog(string Sent, IReadOnlyList<int> WriteEnds, string Received, bool HasVanished)
{
    private const int OneSegment = 1000;

    /// <summary>Whether the octets before and behind a place arrived together: they were one small write.</summary>
    public bool IsWithinAWrite(int at)
    {
        var end = WriteEnds.FirstOrDefault(end => end > at);
        var start = WriteEnds.LastOrDefault(end => end <= at);
        return start < at && at < end && end - start <= OneSegment;
    }
}
