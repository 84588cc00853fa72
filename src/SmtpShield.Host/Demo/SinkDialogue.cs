using System.Globalization;
using System.Text;

namespace SmtpShield.Host.Demo;

/// <summary>What the mail server of the demo and of rehearsals says in one session.</summary>
internal sealed class SinkDialogue(string myHostname)
{
    /// <summary>The password it takes, of whomever; all others are wrong.</summary>
    public const string Password = "secret";

    private static readonly byte[] _password = Encoding.ASCII.GetBytes("\0" + Password);

    private bool _isInContent;
    private bool _isInLogin;
    private bool _hasSender;
    private bool _hasRecipient;
    private string _chunkReply = "";

    /// <summary>QUIT was answered.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Octets of a BDAT chunk that come next, and are no lines (RFC 3030 section 2); the chunk is answered behind its last one.</summary>
    public long ChunkLeft { get; private set; }

    /// <summary>The first reply.</summary>
    public string Greeting => $"220 {myHostname} ESMTP demo sink\r\n";

    /// <summary>Answers a line; an empty answer to a line of content, and to the command of a chunk.</summary>
    public string Answer(string line)
    {
        if (_isInLogin)
            return AnswerLogin(line) + "\r\n";
        if (!_isInContent)
            return AnswerCommand(line) is { Length: > 0 } reply ? reply + "\r\n" : "";
        if (line != ".")
            return "";

        _isInContent = _hasSender = _hasRecipient = false;
        return "250 2.0.0 Ok: thrown away\r\n";
    }

    /// <summary>Takes some octets of a chunk, at most <see cref="ChunkLeft"/>.</summary>
    /// <returns>The answer; empty: there are more to come.</returns>
    public string TakeOfChunk(long octets)
    {
        ChunkLeft -= octets;
        return ChunkLeft == 0 ? _chunkReply + "\r\n" : "";
    }

    // RFC 4616: authorization identity, user and password, each behind a NUL but the first.
    private string AnswerLogin(string response)
    {
        _isInLogin = false;
        Span<byte> octets = stackalloc byte[512];
        return Convert.TryFromBase64String(response.Trim(), octets, out var length) && octets[..length].EndsWith(_password)
            ? "235 2.7.0 Authentication successful" : "535 5.7.8 Error: authentication failed";
    }

    private string AnswerCommand(string line)
    {
        var verb = line.Trim().Split(' ', 2)[0].ToUpperInvariant();
        switch (verb)
        {
            case "HELO":
                return $"250 {myHostname}";
            case "EHLO":
                return $"250-{myHostname}\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME";
            case "AUTH" when line.Trim().Split(' ', 3, StringSplitOptions.RemoveEmptyEntries) is [_, var mechanism, .. var response]
                && mechanism.Equals("PLAIN", StringComparison.OrdinalIgnoreCase):
                _isInLogin = response.Length == 0;
                return _isInLogin ? "334 " : AnswerLogin(response[0]);
            case "MAIL" when _hasSender:
                return "503 5.5.1 Error: nested MAIL command";
            case "MAIL":
                _hasSender = true;
                return "250 2.1.0 Ok";
            case "RCPT" when !_hasSender:
                return "503 5.5.1 Error: need MAIL command";
            case "RCPT" when line.Contains("nosuch", StringComparison.OrdinalIgnoreCase):
                return "550 5.1.1 User unknown";
            case "RCPT":
                _hasRecipient = true;
                return "250 2.1.5 Ok";
            case "DATA" when !_hasRecipient:
                return "554 5.5.1 Error: no valid recipients";
            case "DATA":
                _isInContent = true;
                return "354 End data with <CR><LF>.<CR><LF>";
            case "BDAT" when line.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var size, .. var last]
                && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var octets):
                return BeginChunk(octets, isLast: last.Length > 0);
            case "RSET":
                _hasSender = _hasRecipient = false;
                return "250 2.0.0 Ok";
            case "NOOP":
                return "250 2.0.0 Ok";
            case "QUIT":
                IsOver = true;
                return "221 2.0.0 Bye";
            default:
                return "500 5.5.2 Error: command not recognized";
        }
    }

    // Its octets come, whatever is answered.
    private string BeginChunk(long octets, bool isLast)
    {
        _chunkReply = !_hasRecipient ? "554 5.5.1 Error: no valid recipients" : isLast ? "250 2.0.0 Ok: thrown away" : "250 2.0.0 Ok";
        if (isLast)
            _hasSender = _hasRecipient = false;
        ChunkLeft = octets;
        return octets == 0 ? _chunkReply : "";
    }
}
