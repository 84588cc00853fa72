using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

/// <summary>What becomes of content that arrives in pieces, as the relay feeds them to <see cref="EndOfDataFinder"/>.</summary>
/// <param name="Verdict">The last verdict; nothing is read behind one that is not <see cref="ContentVerdict.Continues"/>.</param>
/// <param name="Released">Octets sent on.</param>
/// <param name="MostHeld">The most octets held back after a piece.</param>
internal readonly record struct ContentReading(ContentVerdict Verdict, int Released, int MostHeld)
{
    public static ContentReading Of(byte[] content, IEnumerable<int> pieces, bool isStrict = false)
    {
        var finder = EndOfDataFinder.AtStart(isStrict);
        var (received, released, mostHeld) = (0, 0, 0);
        foreach (var piece in pieces)
        {
            received = Math.Min(content.Length, received + piece);
            var unreleased = content.AsMemory(released..received);
            var verdict = finder.Scan(unreleased.Length > 1 ? Octets.Split(unreleased, unreleased.Length / 2) : new(unreleased), out var release);
            released += (int)release;
            if (verdict != ContentVerdict.Continues)
                return new(verdict, released, mostHeld);
            mostHeld = Math.Max(mostHeld, received - released);
        }

        return new(ContentVerdict.Continues, released, mostHeld);
    }

    /// <summary>Whole, in two pieces split at every octet, and one octet at a time.</summary>
    public static IEnumerable<ContentReading> EverySplit(byte[] content)
    {
        yield return Of(content, [content.Length]);
        for (var at = 1; at < content.Length; at++)
            yield return Of(content, [at, content.Length - at]);
        yield return Of(content, Enumerable.Repeat(1, content.Length));
    }
}
