namespace SmtpShield.Protocol;

/// <summary>
/// Whether a message's content has anything that parsers read differently: a lone CR, a lone LF, a NUL, a line longer than SMTP allows. What one parser takes
/// for text may be the end of the message for another, and what follows commands.
/// </summary>
internal struct DisputableContent
{
    // RFC 5321 section 4.5.3.1.6: 1000 octets with CR LF.
    private const int LongestLine = 998;

    private int _line;
    private bool _isAfterCr;

    /// <summary>Whether there was any up to now.</summary>
    public bool IsDisputable { get; private set; }

    /// <summary>Content has come.</summary>
    public void Add(ReadOnlySpan<byte> octets)
    {
        while (!octets.IsEmpty && !IsDisputable)
        {
            if (_isAfterCr)
            {
                IsDisputable = octets[0] != (byte)'\n';
                (_isAfterCr, _line) = (false, 0);
                octets = octets[1..];
                continue;
            }

            var end = octets.IndexOfAny((byte)'\r', (byte)'\n', (byte)0);
            _line += end < 0 ? octets.Length : end;
            if (_line > LongestLine || (end >= 0 && octets[end] != (byte)'\r'))
            {
                IsDisputable = true;
                return;
            }

            _isAfterCr = end >= 0;
            octets = end < 0 ? default : octets[(end + 1)..];
        }
    }
}
