using SmtpShield.Options;

namespace SmtpShield.Testing.Hunter;

/// <summary>
/// What a session's commands and replies have led to so far, and which commands the shield must therefore refuse itself (Postfix's order of checks, smtpd.c).
/// </summary>
internal sealed class ReferenceSession(HuntConfiguration configuration, string address, bool isLenient)
{
    private const string NeedMail = "503 5.5.1 Error: need MAIL command";
    private const string NeedRecipient = "503 5.5.1 Error: need RCPT command";

    private readonly SmtpdOptions _smtpd = configuration.Smtpd;
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
    private int _errorsCounted;
    private int _failuresCounted;
    private readonly bool _wasLenient = isLenient;
    private bool _isLenient;
    private bool _isInDoubt;
    private bool _isMailInDoubt;
    private int _messagesInDoubt;
    private bool _isCounted;
    private bool _isJudged;
    private bool _lacksLabel;
    private bool _hasContent;

    /// <summary>The limits that hold now.</summary>
    public SmtpdLimitOptions Limits { get; set; } = configuration.Limits;

    /// <summary>Whether what no limit is on is counted now, too: a limit that is set later finds it.</summary>
    public bool IsObserved { get; set; } = true;

    public bool IsAccessDenied { get; set; }

    /// <summary>The shield answers STARTTLS itself, and the session is in clear.</summary>
    public bool OffersTls => configuration.OffersTls && !IsInTls;

    public bool IsInTls { get; private set; }

    public bool HasSender => _hasSender;

    public bool IsEsmtp { get; private set; }

    public bool OffersChunking { get; private set; }

    public bool OmitsEnhancedCodes { get; private set; }

    public bool HasTooManyErrors => _errors >= Limits.HardErrorLimit;

    /// <summary>
    /// The reply that ends the session because the client has spent one of its budgets; null while it has not. A message whose content has begun goes on.
    /// </summary>
    public string? Spent(ReferenceCommand command) =>
        Limits.ClientErrorRateLimit > 0 && _errorsCounted > Limits.ClientErrorRateLimit && command.Verb != "QUIT" && !(command.Verb == "BDAT" && _hasContent)
            ? $"421 4.7.0 mail.example.com Error: too many errors from {address}"
            : command.Verb == "AUTH" && !IsAccessDenied ? SpentOnLogins() : null;

    /// <summary>The reply that ends the session at AUTH or at a response to it, because the client has spent its logins; null while it has not.</summary>
    public string? SpentOnLogins() => Limits.ClientAuthFailureRateLimit > 0 && _failuresCounted > Limits.ClientAuthFailureRateLimit
        ? $"421 4.7.0 mail.example.com Error: too many authentication failures from {address}"
        : null;

    /// <summary>The reply the shield must give itself; null for a command the MTA must get.</summary>
    /// <param name="command">The command.</param>
    /// <param name="isNextAtMta">It is what the MTA has received next. It decides where a MAIL inside a transaction was perhaps judged before the reply that
    /// says how the MTA takes it.</param>
    /// <param name="isNextReply">Whether a reply is what the client has received next, null where nobody knows; decides the same, where the MTA has not
    /// received it.</param>
    public string? Refusal(ReferenceCommand command, bool isNextAtMta, Func<string, bool?> isNextReply)
    {
        if (_isInDoubt && command.Verb is "RCPT" or "DATA" or "BDAT")
        {
            if (isNextAtMta)
                SettleDoubt(wasCounted: false);
            else if (isNextReply(command.Verb == "RCPT" ? NeedMail : NeedRecipient) is { } wasRefusedToo)
                SettleDoubt(wasRefusedToo);
        }

        _isInDoubt &= command.Verb is not ("MAIL" or "HELO" or "EHLO" or "RSET");
        _isJudged = _isCounted = false;
        return RefusalOf(command, isNextAtMta, isNextReply);
    }

    // What follows a refused MAIL is judged for itself only if the MTA was not known to be lenient then: that MAIL was not counted, nor any before it, and the
    // transaction goes on.
    private void SettleDoubt(bool wasCounted)
    {
        _hasRefusedMail &= wasCounted;
        if (!wasCounted)
            (_messagesCounted, _messagesInDoubt) = (_messagesCounted - _messagesInDoubt, 0);
        else if (_isMailInDoubt)
            _messagesInDoubt--;
        _isMailInDoubt = _isInDoubt = false;
    }

    private string? RefusalOf(ReferenceCommand command, bool isNextAtMta, Func<string, bool?> isNextReply) => command.Verb switch
    {
        "XCLIENT" or "XFORWARD" => "550 5.7.0 Error: insufficient authorization",
        "BURL" or "TURN" or "ATRN" => "502 5.5.1 Error: command not implemented",
        "LHLO" or "VERB" or "SEND" or "SOML" or "SAML" => "500 5.5.2 Error: command not recognized",
        _ when command.Verb.StartsWith("XPROXY", StringComparison.Ordinal) => "500 5.5.2 Error: command not recognized",
        not "QUIT" when IsAccessDenied => $"503 5.7.0 Error: access denied for unknown[{address}]",
        "MAIL" => RefusalOfMail(command, isNextAtMta, isNextReply),
        "RCPT" => RefusalOfRecipient(command),
        "DATA" or "BDAT" => _hasRefusedMail ? NeedRecipient : null,
        "STARTTLS" when configuration.OffersTls =>
            command.Argument.Length > 0 ? "501 5.5.4 Syntax: STARTTLS" : IsInTls ? "554 5.5.1 Error: TLS already active" : null,
        "VRFY" => command.Argument.Length > 0 ? Count(ref _recipientsCounted, Limits.ClientRecipientRateLimit, "too many recipients") : null,
        "AUTH" =>
            Count(ref _authsCounted, Limits.ClientAuthRateLimit, "too many AUTH commands") ?? (LacksHelo ? "503 5.5.1 Error: send HELO/EHLO first" : null),
        "ETRN" => LacksHelo ? "503 Error: send HELO/EHLO first" : null,
        "HELO" or "EHLO" or "RSET" => Restart(),
        _ => null,
    };

    /// <summary>A command has its reply.</summary>
    /// <param name="verb">The command.</param>
    /// <param name="reply">The whole reply; for EHLO the MTA's own.</param>
    /// <param name="isEmptyChunk">BDAT 0 without LAST.</param>
    /// <param name="endsMessage">The reply is to a message.</param>
    /// <param name="isOwn">The reply is the shield's.</param>
    public void Answered(string verb, string reply, bool isEmptyChunk = false, bool endsMessage = false, bool isOwn = false)
    {
        var code = int.Parse(reply.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture);
        if (endsMessage && code < 300)
            (_errors, _junk) = (0, 0);

        var isOvershoot = verb == "RCPT" && reply.StartsWith("452 4.5.3", StringComparison.Ordinal) && ++_overshoot <= Limits.RecipientOvershootLimit;
        if (code >= 400 && !isOvershoot)
            _errors++;
        if ((verb is "HELO" or "EHLO" or "RSET" or "NOOP" or "VRFY" or "ETRN" || isEmptyChunk || (code < 400 && IsUnknownToPostfix(verb)))
            && _junk++ > Limits.JunkCommandLimit)
        {
            _errors++;
        }
        if (Counts(Limits.ClientErrorRateLimit) && code >= 400 && !isOvershoot && !isOwn && code is not (450 or 451 or 452))
            _errorsCounted++;
        if (Counts(Limits.ClientAuthFailureRateLimit) && code == 535 && !isOwn && verb == "AUTH")
            _failuresCounted++;
        if (verb == "MAIL" && IsCountedLate(Limits.ClientMessageRateLimit, isPlace: !_hasSender && !LacksHelo, code))
            _messagesCounted++;
        if (verb == "RCPT" && IsCountedLate(Limits.ClientRecipientRateLimit, isPlace: _hasSender, code))
            _recipientsCounted++;
        if (code < 400)
            Succeeded(verb);
        if (verb == "BDAT")
            _hasContent = code < 400 && !endsMessage;
        if (endsMessage)
            CloseTransaction();
    }

    /// <summary>The MTA's EHLO reply, not filtered yet.</summary>
    public void Offer(string reply)
    {
        OmitsEnhancedCodes = !reply.Contains("ENHANCEDSTATUSCODES", StringComparison.Ordinal);
        OffersChunking = _smtpd.Chunking && reply.Contains("CHUNKING", StringComparison.Ordinal);
    }

    /// <summary>The handshake is done: all but what the client has spent begins anew.</summary>
    public void BeginTls()
    {
        (IsInTls, IsAccessDenied, OffersChunking, OmitsEnhancedCodes) = (true, false, false, false);
        (_hasRefusedMail, _isInDoubt, _hasSender, _hasHelo, _hasContent, _recipients, _overshoot) = (false, false, false, false, false, 0, 0);
    }

    /// <summary>The greeting counts as an error when it refuses.</summary>
    public void Greeted(int code)
    {
        IsAccessDenied = code >= 500;
        if (code >= 400)
            _errors++;
    }

    // What a Postfix never answers with success.
    private bool IsUnknownToPostfix(string verb) =>
        verb is not ("DATA" or "BDAT" or "AUTH" or "STARTTLS" or "RCPT" or "QUIT" or "HELO" or "EHLO" or "RSET" or "NOOP" or "VRFY" or "ETRN")
        && (verb != "MAIL" || _hasSender);

    // An MTA that accepts what Postfix refuses is asked only behind a judgement from then on.
    private bool IsLenient => _isLenient || _wasLenient;

    private bool LacksHelo => _smtpd.HeloRequired && !_hasHelo;

    private string? Restart()
    {
        _hasRefusedMail = false;
        return null;
    }

    private string? RefusalOfMail(ReferenceCommand command, bool isNextAtMta, Func<string, bool?> isNextReply)
    {
        _lacksLabel = !command.HasAddress("FROM:");
        _isJudged = true;
        _isMailInDoubt = false;
        var byForm = LacksHelo ? "503 5.5.1 Error: send HELO/EHLO first" : command.HasParameter("PRDR") ? "555 5.5.4 Unsupported option: PRDR" : null;
        if (_hasSender && !IsLenient)
            return byForm;

        var tooMany = !LacksHelo && (IsLenient || !_lacksLabel) ? CountBefore(ref _messagesCounted, Limits.ClientMessageRateLimit, "too much mail") : null;
        var mayBeUncounted = _hasSender && !_wasLenient && _isCounted;
        if (tooMany is not null && mayBeUncounted && (byForm is null ? isNextAtMta : isNextReply(byForm) is true))
        {
            _isCounted = false;
            _messagesCounted--;
            SettleDoubt(wasCounted: false);
            return byForm;
        }

        // It was not too many without those that were perhaps not counted, so these were not.
        if (tooMany is not null && isNextAtMta && _messagesCounted - _messagesInDoubt <= Limits.ClientMessageRateLimit)
        {
            _messagesCounted -= _messagesInDoubt;
            _messagesInDoubt = 0;
            tooMany = null;
        }

        // Refused for its form, or by the MTA, it was counted only if the MTA was known to be lenient.
        _isMailInDoubt = mayBeUncounted;
        _messagesInDoubt += _isMailInDoubt ? 1 : 0;
        var refusal = tooMany ?? byForm;
        _hasRefusedMail = refusal is not null;
        _isInDoubt = _hasRefusedMail && _hasSender && !_wasLenient;
        return refusal;
    }

    private string? RefusalOfRecipient(ReferenceCommand command)
    {
        _lacksLabel = !command.HasAddress("TO:");
        _isJudged = true;
        if (_hasRefusedMail)
            return NeedMail;
        if (!IsLenient && (_lacksLabel || !_hasSender))
            return null;
        return CountBefore(ref _recipientsCounted, Limits.ClientRecipientRateLimit, "too many recipients")
            ?? (_recipients >= Limits.RecipientLimit ? "452 4.5.3 Error: too many recipients" : null);
    }

    // MAIL and RCPT are counted as they come only where a limit is on them.
    private string? CountBefore(ref int count, int limit, string what)
    {
        _isCounted = limit > 0;
        return _isCounted ? Count(ref count, limit, what) : null;
    }

    // Otherwise as their replies leave: what the MTA takes, and of what is only observed all that Postfix would count.
    private bool IsCountedLate(int limit, bool isPlace, int code) =>
        !_isCounted && Counts(limit) && (code < 300 || (limit == 0 && _isJudged && !_lacksLabel && isPlace));

    private bool Counts(int limit) => limit > 0 || IsObserved;

    private string? Count(ref int count, int limit, string what)
    {
        if (!Counts(limit))
            return null;
        count++;
        return limit > 0 && count > limit ? $"450 4.7.1 Error: {what} from {address}" : null;
    }

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
                SettleDoubt(wasCounted: true);
                _isLenient |= _lacksLabel || _hasSender;
                _hasContent = false;
                (_hasSender, _recipients, _overshoot) = (true, 0, 0);
                break;
            case "RCPT":
                _isLenient |= _lacksLabel || !_hasSender;
                _recipients++;
                break;
        }
    }

    private void CloseTransaction() => (_hasSender, _hasContent, _recipients) = (false, false, 0);
}
