namespace SmtpShield.Tests.Protocol;

/// <summary>A reader of mail data that ends lines where RFC 5321 has none; some MTA or filter of the world reads like it.</summary>
/// <param name="Name">What it does.</param>
/// <param name="LineEnds">Octets each of which ends a line.</param>
/// <param name="Dropped">Octets it drops wherever they stand.</param>
/// <param name="StrippedCarriageReturns">How many CR before the line end it takes for a part of it.</param>
/// <param name="NeedsCarriageReturn">A line end counts only behind a CR.</param>
/// <param name="MissesStandardEnd">It does not see <c>CRLF.CRLF</c> at all; only what it takes for an end instead matters.</param>
internal sealed record SloppyParser(
    string Name, string LineEnds, string Dropped = "", int StrippedCarriageReturns = 0, bool NeedsCarriageReturn = false, bool MissesStandardEnd = false)
{
    public static readonly SloppyParser[] All =
    [
        new("strict", "\n", StrippedCarriageReturns: 1, NeedsCarriageReturn: true),
        new("strict, NUL dropped", "\n", "\0", StrippedCarriageReturns: 1, NeedsCarriageReturn: true),
        new("LF.LF", "\n", MissesStandardEnd: true),
        new("LF.LF, NUL dropped", "\n", "\0", MissesStandardEnd: true),
        new("LF with an optional CR", "\n", StrippedCarriageReturns: 1),
        new("LF with an optional CR, NUL dropped", "\n", "\0", StrippedCarriageReturns: 1),
        new("all CR before LF stripped", "\n", StrippedCarriageReturns: int.MaxValue),
        new("all CR before LF stripped, NUL dropped", "\n", "\0", StrippedCarriageReturns: int.MaxValue),
        new("all CR dropped", "\n", "\r"),
        new("all CR and NUL dropped", "\n", "\r\0"),
        new("CR.CR, LF dropped", "\r", "\n"),
        new("CR.CR, LF and NUL dropped", "\r", "\n\0"),
        new("CR or LF", "\r\n"),
        new("CR or LF, NUL dropped", "\r\n", "\0"),
        new("CR, LF or NUL", "\r\n\0"),
    ];

    /// <summary>Where the dot stands that ends the message for this reader; -1 for nowhere.</summary>
    public int FindDot(ReadOnlySpan<byte> content)
    {
        var line = new List<(char Octet, int Index)>();
        for (var i = 0; i < content.Length; i++)
        {
            var octet = (char)content[i];
            if (Dropped.Contains(octet, StringComparison.Ordinal))
                continue;
            if (!LineEnds.Contains(octet, StringComparison.Ordinal) || (NeedsCarriageReturn && line is not [.., ('\r', _)]))
            {
                line.Add((octet, i));
                continue;
            }

            for (var stripped = 0; stripped < StrippedCarriageReturns && line is [.., ('\r', _)]; stripped++)
                line.RemoveAt(line.Count - 1);
            if (line is [('.', var dot)])
                return dot;
            line.Clear();
        }

        return -1;
    }

    public override string ToString() => Name;
}
