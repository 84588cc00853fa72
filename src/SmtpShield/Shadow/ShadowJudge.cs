using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Shadow;

/// <summary>
/// Judges one connection by the limits in shadow, at the points and by the counts at which it would be judged if they were enforced. It changes nothing that a
/// client or an MTA can see: it only writes to <see cref="ShadowBook"/> and the log. A connection that would have been refused or ended is a ghost from there
/// on: what would have been hit later counts under no rule.
/// </summary>
/// <remarks>Used by one stage or session, so by one thread at a time.</remarks>
/// <param name="options">The options of the connection.</param>
/// <param name="key">Whose it is.</param>
/// <param name="client">The client.</param>
/// <param name="book">Where it is written down.</param>
internal sealed class ShadowJudge(ConnectionOptions options, AnvilKey key, ClientIdentity client, ShadowBook book)
{
    private ErrorLimit _errors;
    private int _overshoot;
    private bool _isSlow;
    private bool _isHard;
    private bool _isTlsRefused;
    private bool _hasErrors;
    private string? _endedBy;
    private string? _refusedBy;

    /// <summary>The newest limits; null: nothing is in shadow any more.</summary>
    public SmtpdLimitOptions? Limits => options.InShadow?.Limits;

    /// <summary>The rules of a session, as when the connection began; null: none was in shadow then.</summary>
    public SmtpdOptions? Smtpd => options.AtStart.InShadow?.Smtpd;

    /// <summary>Whether the connection would have been refused or ended, if only because its client would have been banned by now.</summary>
    public bool IsGhost => EndedBy is not null;

    /// <summary>The client connects, which it could not if it were banned.</summary>
    public void NoteSeen()
    {
        book.NoteSeen(key);
        _endedBy = EndedBy;
    }

    /// <summary>The client's connection was counted.</summary>
    /// <param name="counts">Its counts, this connection included.</param>
    public void JudgeAtConnect(in AnvilCounts counts)
    {
        if (Limits is { } limits && ClientLimits.JudgeAtConnect(counts, limits) is { } hit)
            NoteAtConnection(hit, limits);
    }

    /// <summary>The client has begun with a handshake, or wants to.</summary>
    /// <param name="count">TLS sessions it has negotiated anew.</param>
    public void JudgeTlsService(int count)
    {
        if (Limits is { } limits && ClientLimits.NewTlsSession.Judge(count, limits) is { } hit && End(hit, limits))
            ShadowLog.TlsService(book.Log, client.NameAddress, key.Service);
    }

    /// <summary>A handshake was counted.</summary>
    /// <param name="count">TLS sessions, this one included.</param>
    public void JudgeHandshake(int count)
    {
        // There would have been none where STARTTLS would have been refused.
        if (!_isTlsRefused && Limits is { } limits && ClientLimits.NewTlsSession.Judge(count, limits) is { } hit)
            NoteAtConnection(hit, limits);
    }

    /// <summary>The client says STARTTLS.</summary>
    /// <param name="count">TLS sessions.</param>
    /// <returns>Whether it would have been refused.</returns>
    public bool JudgeStartTls(int count)
    {
        if (Limits is not { } limits || ClientLimits.NewTlsSession.Judge(count, limits) is not { } hit)
            return false;

        if (Note(hit, limits))
            ShadowLog.StartTls(book.Log, client.NameAddress, key.Service);
        return _isTlsRefused = true;
    }

    /// <summary>A command was counted.</summary>
    /// <param name="limit">For which limit.</param>
    /// <param name="count">Of the client, this one included.</param>
    /// <returns>Whether it would have been refused.</returns>
    public bool JudgeCommand(ClientLimit limit, int count)
    {
        if (Limits is not { } limits || limit.Judge(count, limits) is not { } hit)
            return false;

        if (Note(hit, limits))
            ShadowLog.EventRate(book.Log, limit.Subject, count, client.NameAddress, key.Service);
        if (limit.Event is AnvilEvent.Message or AnvilEvent.Recipient)
            _refusedBy ??= limit.Parameter;
        return true;
    }

    /// <summary>What the MTA has refused the client, in all its sessions, is judged at a command.</summary>
    /// <param name="limit">The limit.</param>
    /// <param name="count">How much that is.</param>
    public void JudgeBudget(ClientLimit limit, int count)
    {
        if (Limits is { } limits && limit.Judge(count, limits) is { } hit && End(hit, limits))
            ShadowLog.EventRate(book.Log, limit.Subject, count, client.NameAddress, key.Service);
    }

    /// <summary>The session's errors so far, when it is judged for the first time. Again: does nothing.</summary>
    public void BeginErrors(ErrorLimit errors)
    {
        if (!_hasErrors)
            (_hasErrors, _errors) = (true, errors);
    }

    /// <summary>A reply leaves: would it have been delayed?</summary>
    /// <param name="lines">Replies it counts as.</param>
    public void JudgeDelay(int lines)
    {
        if (IsGhost || Limits is not { } limits || _errors.Errors < limits.SoftErrorLimit)
            return;

        if (!_isSlow)
            NoteHit(LimitRules.SoftErrors, _errors.Errors, limits.SoftErrorLimit);
        _isSlow = true;
        book.NoteDelay(lines * limits.ErrorSleepTime);
    }

    /// <summary>A reply was an error, or would have been.</summary>
    public void NoteError() => _errors.CountError();

    /// <summary>A command was junk.</summary>
    /// <param name="enforced">The limit in force, which holds where none is in shadow.</param>
    public void NoteJunk(SmtpdLimitOptions enforced)
    {
        if (Limits is not { } limits)
            return;

        var isInShadow = limits.JunkCommandLimit != int.MaxValue;
        if (_errors.CountJunkCommand(isInShadow ? limits : enforced) && isInShadow)
            NoteHit(LimitRules.JunkCommands, limits.JunkCommandLimit + 2, limits.JunkCommandLimit);
    }

    /// <summary>Would the session have ended for its errors?</summary>
    /// <param name="after">Behind what.</param>
    public void JudgeErrors(string after)
    {
        if (_isHard || Limits is not { } limits || !_errors.IsHard(limits))
            return;

        _isHard = true;
        if (NoteEnd(LimitRules.HardErrors, _errors.Errors, limits.HardErrorLimit))
            ShadowLog.TooManyErrors(book.Log, after, client.NameAddress);
    }

    /// <summary>A recipient beyond those that were accepted.</summary>
    /// <param name="accepted">Recipients of the message.</param>
    /// <returns>Null: it is within the limit; else whether the refusal would have been an error.</returns>
    public bool? JudgeRecipient(int accepted)
    {
        if (Limits is not { } limits || accepted < limits.RecipientLimit)
            return null;

        NoteHit(LimitRules.Recipients, accepted + 1, limits.RecipientLimit);
        return ++_overshoot > limits.RecipientOvershootLimit;
    }

    /// <summary>A command would have been refused, for want of HELO.</summary>
    public void NoteLackingHelo()
    {
        NoteHit(LimitRules.Helo, 1, 0);
        _refusedBy ??= LimitRules.Helo;
    }

    /// <summary>Input came before it was greeted.</summary>
    public void NoteEarlyTalk(string after)
    {
        if (NoteEnd(LimitRules.Pipelining, 1, 0))
            ShadowLog.EarlyTalk(book.Log, after, client.NameAddress);
    }

    /// <summary>Input came before its time.</summary>
    public void NotePipelining(string after)
    {
        if (NoteEnd(LimitRules.Pipelining, 1, 0))
            ShadowLog.Pipelining(book.Log, after, client.NameAddress);
    }

    /// <summary>A line is no SMTP.</summary>
    /// <param name="line">The line, as it may be logged.</param>
    public void NoteForbiddenCommand(string line)
    {
        if (NoteEnd(LimitRules.ForbiddenCommands, 1, 0))
            ShadowLog.NotSmtp(book.Log, client.NameAddress, line);
    }

    /// <summary>A wait would have been over.</summary>
    /// <param name="rule">Whose.</param>
    /// <param name="after">Behind what.</param>
    public void NoteTimeout(string rule, string after)
    {
        if (NoteEnd(rule, 1, 0))
            ShadowLog.TimedOut(book.Log, after, client.NameAddress);
    }

    /// <summary>A transaction begins.</summary>
    /// <param name="isRefused">Its MAIL would have been refused.</param>
    public void BeginTransaction(bool isRefused)
    {
        _overshoot = 0;
        if (!isRefused)
            _refusedBy = null;
    }

    /// <summary>The MTA has accepted a message: its client's record is clean.</summary>
    public void ForgiveErrors() => _errors.Reset();

    /// <summary>The MTA has accepted a message.</summary>
    public void NoteMessage()
    {
        book.NoteMessage(key, EndedBy ?? _refusedBy);
        _refusedBy = null;
    }

    // Asked at each thing that happens: a session that is open when a ban begins would end at its next command.
    private string? EndedBy => _endedBy ??= book.IsBanned(client) ? ShadowRules.BanThreshold : null;

    private void NoteAtConnection(in LimitHit hit, SmtpdLimitOptions limits)
    {
        if (End(hit, limits))
            ShadowLog.ConnectionLimit(book.Log, hit.Limit.Subject, hit.Count, client.NameAddress, key.Service);
    }

    private bool Note(in LimitHit hit, SmtpdLimitOptions limits) => NoteHit(hit.Limit.Parameter, hit.Count, hit.Limit.Value(limits));

    private bool End(in LimitHit hit, SmtpdLimitOptions limits) => NoteEnd(hit.Limit.Parameter, hit.Count, hit.Limit.Value(limits));

    private bool NoteEnd(string rule, int count, int limit)
    {
        var mayLog = NoteHit(rule, count, limit);
        _endedBy ??= rule;
        return mayLog;
    }

    private bool NoteHit(string rule, int count, int limit)
    {
        if (!IsGhost)
            return book.NoteHit(key, client, rule, count, limit);

        book.NoteAfter();
        return false;
    }
}
