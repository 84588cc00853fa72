namespace SmtpShield.Protocol;

/// <summary>
/// How much of a message has come, as Postfix counts it for <c>lost connection after DATA (21 bytes)</c> (smtpd.c, <c>act_size</c>): whole lines
/// with their ends, without the dot that stands before one that begins with a dot.
/// </summary>
internal struct CompleteLines
{
    private long _octets;
    private long _line;
    private bool _hasDot;

    /// <summary>Counts content that has been sent on.</summary>
    public void Add(ReadOnlySpan<byte> octets)
    {
        if (octets.IsEmpty)
            return;

        if (_line == 0)
            _hasDot = octets[0] == (byte)'.';
        var end = octets.LastIndexOf((byte)'\n');
        if (end < 0)
        {
            _line += octets.Length;
            return;
        }

        _octets += _line + end + 1 - (_hasDot ? 1 : 0) - octets[..end].Count("\n."u8);
        _line = octets.Length - end - 1;
        _hasDot = _line > 0 && octets[end + 1] == (byte)'.';
    }

    /// <summary>The octets so far.</summary>
    /// <param name="endsLine">Whether CR LF is held back that ends the line which has begun.</param>
    /// <param name="longest">Postfix <c>line_length_limit</c>: of a line that has not ended, each piece of this length is one with an end of its own.</param>
    public readonly long Count(bool endsLine, int longest) =>
        _octets + (endsLine ? _line + 2 - (_hasDot ? 1 : 0) : _line / longest * (longest + 2));
}
