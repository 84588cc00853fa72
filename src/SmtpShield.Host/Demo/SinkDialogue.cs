namespace SmtpShield.Host.Demo;

/// <summary>What the demo's mail server says in one session.</summary>
internal sealed class SinkDialogue(string myHostname)
{
    private bool _isInContent;
    private bool _hasSender;
    private bool _hasRecipient;

    /// <summary>QUIT was answered.</summary>
    public bool IsOver { get; private set; }

    /// <summary>The first reply.</summary>
    public string Greeting => $"220 {myHostname} ESMTP demo sink\r\n";

    /// <summary>Answers a line; an empty answer to a line of content.</summary>
    public string Answer(string line)
    {
        if (!_isInContent)
            return AnswerCommand(line) + "\r\n";
        if (line != ".")
            return "";

        _isInContent = _hasSender = _hasRecipient = false;
        return "250 2.0.0 Ok: thrown away\r\n";
    }

    private string AnswerCommand(string line)
    {
        var verb = line.Trim().Split(' ', 2)[0].ToUpperInvariant();
        switch (verb)
        {
            case "HELO":
                return $"250 {myHostname}";
            case "EHLO":
                return $"250-{myHostname}\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME";
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
}
