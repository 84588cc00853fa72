using SmtpShield.Protocol;

namespace SmtpShield.Mta.Reuse;

/// <summary>
/// Whether a session with the MTA may go on with another client: as long as all its replies were successes, to nothing but MAIL, RCPT, DATA, RSET and NOOP, no
/// message's content was such that parsers dispute it, and the last thing in it was a message the MTA has accepted. Anything else may leave something behind in
/// it: an error or a junk command that counts, a login, a command nobody has seen.
/// </summary>
/// <remarks>
/// An accepted message makes Postfix forget errors and junk commands (smtpd.c); a RSET or NOOP behind it would be the next client's, so there is none. Used by
/// one session at a time.
/// </remarks>
internal sealed class ReuseCareer
{
    /// <summary>Messages behind which a session is over.</summary>
    public const int MostMessages = 50;

    private DisputableContent _content;
    private bool _isBehindMessage;
    private bool _isOver;

    /// <summary>Messages the MTA has accepted in it.</summary>
    public int Messages { get; private set; }

    /// <summary>Whether another client may have it now.</summary>
    public bool MayGoOn => !_isOver && _isBehindMessage && Messages < MostMessages;

    /// <summary>The MTA has replied.</summary>
    /// <param name="verb">To what.</param>
    /// <param name="code">The code.</param>
    /// <param name="isOfMessage">Whether it is about a whole message, all of which is with the MTA.</param>
    public void NoteReply(Verb verb, int code, bool isOfMessage)
    {
        _isBehindMessage = false;
        switch (verb)
        {
            case Verb.Data when code == 354:
                _content = default;
                break;
            case Verb.Data when code is >= 200 and < 300 && isOfMessage && !_content.IsDisputable:
                _isBehindMessage = true;
                Messages++;
                break;
            case Verb.Mail or Verb.Rcpt or Verb.Rset or Verb.Noop when code is >= 200 and < 300:
                break;
            default:
                End();
                break;
        }
    }

    /// <summary>Content was sent to the MTA.</summary>
    public void NoteContent(ReadOnlySpan<byte> octets) => _content.Add(octets);

    /// <summary>It has no other client behind this one.</summary>
    public void End() => _isOver = true;
}
