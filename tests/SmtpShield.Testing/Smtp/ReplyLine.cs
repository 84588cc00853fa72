namespace SmtpShield.Testing.Smtp;

/// <summary>One line of a reply, as it came.</summary>
/// <param name="Text">The line, one character per octet, without CR LF.</param>
/// <param name="Delay">The time since the line before it came or, if that was later, since the client last sent something.</param>
public readonly record struct ReplyLine(string Text, TimeSpan Delay)
{
    /// <summary>Whether this is the last line of its reply (RFC 5321 section 4.2.1).</summary>
    public bool IsLast => Text.Length < 4 || Text[3] != '-';
}
