using System.Buffers;

namespace SmtpShield.Protocol;

/// <summary>
/// Finds the end of mail data, <c>CRLF.CRLF</c> and nothing else (RFC 5321 section 4.1.1.4), and what other parsers could take for it.
/// A dot between two line-break-like octets (CR, LF, NUL) that is not exactly the end is ambiguous, and so is an exact end right behind a NUL:
/// behind such a boundary a second message could be smuggled (CVE-2023-51764).
/// </summary>
/// <remarks>
/// From a line-break-like octet onward nothing is released until it is clear whether these octets end the message, so that no MTA ever sees a part of an
/// ambiguous end. At most four octets are held; they stay unconsumed in the caller's buffer.
/// </remarks>
internal struct EndOfDataFinder
{
    // What stands before the octets not yet released. The CRLF of the DATA line counts as the first one of the end.
    private bool _atStart;
    private bool _afterNul;
    private bool _isStrict;

    /// <summary>A finder for content that starts now, right behind the 354 reply.</summary>
    /// <param name="isStrict">Whether any lone CR, lone LF or NUL counts as ambiguous (<c>smtpd_forbid_bare_newline = reject</c>), not
    /// only one next to a dot.</param>
    public static EndOfDataFinder AtStart(bool isStrict) => new() { _atStart = true, _isStrict = isStrict };

    /// <summary>Scans what has been received behind the last octet released.</summary>
    /// <param name="input">Unreleased octets, those held by the last call first.</param>
    /// <param name="release">Octets to send on; with <see cref="ContentVerdict.End"/> they include the end, with <see cref="ContentVerdict.Ambiguous"/> they
    /// stop before the ambiguous ones.</param>
    public ContentVerdict Scan(in ReadOnlySequence<byte> input, out long release)
    {
        var reader = new SequenceReader<byte>(input);
        release = 0;
        if (_atStart)
        {
            var verdict = JudgeDot(ref reader, afterCrLf: true, afterNul: false, out var decided);
            if (verdict != ContentVerdict.Continues || !decided)
            {
                release = verdict == ContentVerdict.End ? reader.Consumed : 0;
                return verdict;
            }

            _atStart = false;
        }

        while (reader.TryAdvanceToAny(LineBreaks, advancePastDelimiter: false))
        {
            // Everything up to this octet is ordinary text or was found harmless.
            if (reader.Consumed > release)
                _afterNul = false;
            release = reader.Consumed;
            var afterNul = _afterNul;
            reader.TryRead(out var octet);
            var isCrLf = false;
            if (octet == (byte)'\r')
            {
                if (!reader.TryPeek(out var next))
                    return ContentVerdict.Continues;
                if (next == (byte)'\n')
                {
                    isCrLf = true;
                    reader.Advance(1);
                }
            }

            if (_isStrict && !isCrLf)
                return ContentVerdict.Ambiguous;

            var verdict = JudgeDot(ref reader, isCrLf, afterNul, out var decided);
            if (verdict == ContentVerdict.End)
                release = reader.Consumed;
            if (verdict != ContentVerdict.Continues || !decided)
                return verdict;

            _afterNul = octet == 0;
            release = reader.Consumed;
        }

        if (input.Length > release)
            _afterNul = false;
        release = input.Length;
        return ContentVerdict.Continues;
    }

    private static ReadOnlySpan<byte> LineBreaks => "\r\n\0"u8;

    // Behind a line-break-like octet (or the start): is there a dot, and what follows it? Consumes only an end; "decided" is false while octets are missing.
    private static ContentVerdict JudgeDot(ref SequenceReader<byte> reader, bool afterCrLf, bool afterNul, out bool decided)
    {
        decided = false;
        if (!reader.TryPeek(out var octet))
            return ContentVerdict.Continues;

        decided = true;
        if (octet != (byte)'.')
            return ContentVerdict.Continues;

        if (!reader.TryPeek(1, out var follower))
        {
            decided = false;
            return ContentVerdict.Continues;
        }

        if (!LineBreaks.Contains(follower))
            return ContentVerdict.Continues;

        if (!afterCrLf || follower != (byte)'\r')
            return ContentVerdict.Ambiguous;

        if (!reader.TryPeek(2, out var last))
        {
            decided = false;
            return ContentVerdict.Continues;
        }

        if (last != (byte)'\n' || afterNul)
            return ContentVerdict.Ambiguous;

        reader.Advance(3);
        return ContentVerdict.End;
    }
}
