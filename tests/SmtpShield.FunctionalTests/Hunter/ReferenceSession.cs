using SmtpShield.Configuration;

namespace SmtpShield.FunctionalTests.Hunter;

/// <summary>What a session's commands and replies have led to so far, and which commands the shield must therefore refuse itself (Postfix's order of checks, smtpd.c).</summary>
internal sealed class ReferenceSession(HuntConfiguration configuration, string address)
{
    private readonly SmtpdOptions _smtpd = configuration.Smtpd;
    private readonly SmtpdLimitOptions _limits = configuration.Limits;
    private bool _hasRefusedMail;
    private bool _hasSender;
    private bool _hasHelo;
    private int _recipients;
    private int _overshoot;
    private int _errors;
    private int _junk;
    private int _messagesCounted;
    private int _recipientsCounted;
    private int _authsCounted;

    public bool IsAccessDenied { get; set; }

    public bool IsEsmtp { get; private set; }

    public bool OffersChunking { get; private set; }

    public bool OmitsEnhancedCodes { get; private set; }

    public bool HasTooManyErrors => _errors >= _limits.HardErrorLimit;

    /// <summary>The reply the shield must give itself; null for a command the MTA must get.</summary>
    public string? Refusal(ReferenceCommand command) => command.Verb switch
    {
        "XCLIENT" or "XFORWARD" => "550 5.7.0 Error: insufficient authorization",
        "BURL" or "TURN" or "ATRN" => "502 5.5.1 Error: command not implemented",
        "LHLO" => "500 5.5.2 Error: command not recognized",
        _ when command.Verb.StartsWith("XPROXY", StringComparison.Ordinal) => "500 5.5.2 Error: command not recognized",
        not "QUIT" when IsAccessDenied => $"503 5.7.0 Error: access denied for unknown[{address}]",
        "MAIL" => RefusalOfMail(command),
        "RCPT" => RefusalOfRecipient(command),
        "DATA" or "BDAT" => _hasRefusedMail ? "503 5.5.1 Error: need RCPT command" : null,
        "VRFY" => command.Argument.Length > 0 ? Count(ref _recipientsCounted, _limits.ClientRecipientRateLimit, "too many recipients") : null,
        "AUTH" => Count(ref _authsCounted, _limits.ClientAuthRateLimit, "too many AUTH commands") ?? (LacksHelo ? "503 5.5.1 Error: send HELO/EHLO first" : null),
        "ETRN" => LacksHelo ? "503 Error: send HELO/EHLO first" : null,
        "HELO" or "EHLO" or "RSET" => Restart(),
        _ => null,
    };

    /// <summary>A command has its reply.</summary>
    /// <param name="verb">The command.</param>
    /// <param name="reply">The whole reply; for EHLO the MTA's own.</param>
    /// <param name="isEmptyChunk">BDAT 0 without LAST.</param>
    /// <param name="endsMessage">The reply is to a message.</param>
    public void Answered(string verb, string reply, bool isEmptyChunk = false, bool endsMessage = false)
    {
        var code = int.Parse(reply.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture);
        if (endsMessage && code < 300)
            (_errors, _junk) = (0, 0);

        var isOvershoot = verb == "RCPT" && reply.StartsWith("452 4.5.3", StringComparison.Ordinal) && ++_overshoot <= _limits.RecipientOvershootLimit;
        if (code >= 400 && !isOvershoot)
            _errors++;
        if ((verb is "HELO" or "EHLO" or "RSET" or "NOOP" or "VRFY" or "ETRN" || isEmptyChunk) && _junk++ > _limits.JunkCommandLimit)
            _errors++;
        if (code < 400)
            Succeeded(verb);
        if (endsMessage)
            CloseTransaction();
    }

    /// <summary>The MTA's EHLO reply, not filtered yet.</summary>
    public void Offer(string reply)
    {
        OmitsEnhancedCodes = !reply.Contains("ENHANCEDSTATUSCODES", StringComparison.Ordinal);
        OffersChunking = _smtpd.Chunking && reply.Contains("CHUNKING", StringComparison.Ordinal);
    }

    /// <summary>The greeting counts as an error when it refuses.</summary>
    public void Greeted(int code)
    {
        IsAccessDenied = code >= 500;
        if (code >= 400)
            _errors++;
    }

    private bool LacksHelo => _smtpd.HeloRequired && !_hasHelo;

    private string? Restart()
    {
        _hasRefusedMail = false;
        return null;
    }

    private string? RefusalOfMail(ReferenceCommand command)
    {
        if (_hasSender)
            return LacksHelo ? "503 5.5.1 Error: send HELO/EHLO first" : command.HasParameter("PRDR") ? "555 5.5.4 Unsupported option: PRDR" : null;

        var refusal = LacksHelo
            ? "503 5.5.1 Error: send HELO/EHLO first"
            : (command.HasAddress("FROM:") ? Count(ref _messagesCounted, _limits.ClientMessageRateLimit, "too much mail") : null)
                ?? (command.HasParameter("PRDR") ? "555 5.5.4 Unsupported option: PRDR" : null);
        _hasRefusedMail = refusal is not null;
        return refusal;
    }

    private string? RefusalOfRecipient(ReferenceCommand command)
    {
        if (_hasRefusedMail)
            return "503 5.5.1 Error: need MAIL command";
        if (!command.HasAddress("TO:") || !_hasSender)
            return null;
        return Count(ref _recipientsCounted, _limits.ClientRecipientRateLimit, "too many recipients") ?? (_recipients >= _limits.RecipientLimit ? "452 4.5.3 Error: too many recipients" : null);
    }

    private string? Count(ref int count, int limit, string what) => limit > 0 && ++count > limit ? $"450 4.7.1 Error: {what} from {address}" : null;

    private void Succeeded(string verb)
    {
        switch (verb)
        {
            case "HELO" or "EHLO":
                IsEsmtp = verb == "EHLO";
                _hasHelo = true;
                _overshoot = 0;
                CloseTransaction();
                break;
            case "RSET":
                _overshoot = 0;
                CloseTransaction();
                break;
            case "MAIL":
                (_hasSender, _recipients, _overshoot) = (true, 0, 0);
                break;
            case "RCPT":
                _recipients++;
                break;
        }
    }

    private void CloseTransaction() => (_hasSender, _recipients) = (false, 0);
}
