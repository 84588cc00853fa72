using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Decides for each command whether the MTA may see it, in the order of Postfix's checks (smtpd.c): what a refused command would have
/// changed, nothing behind it may assume. A decision that depends on the reply to an earlier command waits for that reply; nothing is counted
/// before all it depends on is known.
/// </summary>
internal sealed class CommandGate(SmtpSession session, ClientBudgets budgets, CommandCounts counts, LenientMtas lenientMtas)
{
    private const int LongestNotSmtpLogged = 100;

    // The code of Replies.TooManyTlsSessions.
    private const int TooManyTlsSessions = 454;

    /// <summary>The command judged last was counted for the client.</summary>
    public bool HasCounted { get; private set; }

    /// <summary>The command judged last was judged as what its verb says: not refused before, for want of TLS or access.</summary>
    public bool HasJudged { get; private set; }

    /// <summary>A limit in shadow would have refused the command judged last.</summary>
    public bool HasRefusedInShadow { get; private set; }

    /// <summary>Judges a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="line">Its whole line, for log lines.</param>
    /// <param name="refusal">The reply, when it is refused.</param>
    /// <param name="permit">To send it to the MTA, with <see cref="GateVerdict.Forward"/>.</param>
    public GateVerdict Judge(in CommandLine command, ReadOnlySpan<byte> line, out Reply? refusal, out Permit permit)
    {
        (HasCounted, HasJudged, HasRefusedInShadow) = (false, false, false);
        var verdict = Judge(command, line, out refusal);
        if (verdict is not GateVerdict.Wait)
            counts.Forget();
        permit = verdict is GateVerdict.Forward ? Grant(HasCounted) : default;
        return verdict;
    }

    /// <summary>Judges a response of a SASL exchange: it can be a guess like any other.</summary>
    /// <param name="refusal">The reply, when the session ends.</param>
    /// <param name="permit">To send it, or to cancel the exchange, with <see cref="GateVerdict.Forward"/>.</param>
    public GateVerdict JudgeResponse(out Reply? refusal, out Permit permit)
    {
        permit = default;
        if ((refusal = Dismiss()) is not null)
            return GateVerdict.Disconnect;
        switch (budgets.BeginLogin(out refusal))
        {
            case LoginTurn.Wait:
                return GateVerdict.Wait;
            case LoginTurn.Spent:
                return GateVerdict.Disconnect;
        }

        permit = Grant(isCounted: false);
        return GateVerdict.Forward;
    }

    /// <summary>Lets the client's exchange be cancelled, which a client may always do (RFC 4954 section 4).</summary>
    public Permit PermitCancel() => session.Dialogue.IsNext(Verb.Auth) ? Grant(isCounted: false) : default;

    /// <summary>
    /// Lets the client's HELO and the MAIL of its open transaction be said to another session with an MTA: they were let through before, and accepted.
    /// </summary>
    public Permit PermitReplay() => session.Mta.HoldsCommand ? Grant(isCounted: false) : default;

    /// <summary>Lets octets through that a command before has announced: content, an accepted chunk, a tunnel.</summary>
    public Permit PermitContent() => session.Dialogue.Phase switch
    {
        DialoguePhase.Content or DialoguePhase.Tunnel => Grant(isCounted: false),
        DialoguePhase.Chunk when session.Transaction.ChunkRefusal is null => Grant(isCounted: false),
        _ => default,
    };

#pragma warning disable RS0030 // Here permits are made, and nowhere else.
    private static Permit Grant(bool isCounted) => new(isCounted);
#pragma warning restore RS0030

    private GateVerdict Judge(in CommandLine command, ReadOnlySpan<byte> line, out Reply? refusal)
    {
        if (command.Verb != Verb.Quit && !GoesOnWithMessage(command.Verb))
        {
            if (budgets.AreErrorsSpent)
                return JudgeSpent(command.Verb, out refusal);
            if (MayBeDismissed(command.Verb) && (refusal = Dismiss()) is not null)
                return GateVerdict.Disconnect;
        }

        refusal = session.RequiresTls && !command.Verb.Has(VerbFlags.BeforeTls) ? Replies.MustStartTls : RefusedVerbs.ReplyTo(command);
        if (refusal is not null)
            return GateVerdict.Refuse;

        if (session.Mta.Profile.DeniesAccess && command.Verb != Verb.Quit)
        {
            refusal = Replies.AccessDenied(session.Identity.NameAddress);
            return GateVerdict.Refuse;
        }

        HasJudged = true;
        return command.Verb switch
        {
            Verb.Mail => JudgeMail(command.Argument, out refusal),
            Verb.Rcpt => JudgeRecipient(command.Argument, out refusal),
            Verb.Data or Verb.Bdat => Refuse(session.Transaction.HasRefusedMail ? Replies.NeedRecipient : null, out refusal),
            Verb.Vrfy => JudgeVrfy(command.Argument, out refusal),
            Verb.Auth => JudgeAuth(command.Argument, out refusal),
            Verb.Etrn => LacksHelo ? Refuse(Replies.HeloFirstForEtrn, out refusal) : CountAndJudge(Verb.Etrn, out refusal),
            Verb.StartTls => Refuse(JudgeStartTls(command.Argument), out refusal),
            Verb.Helo or Verb.Ehlo or Verb.Rset => Restart(),
            Verb.Unknown => JudgeUnknown(command, line, out refusal),
            _ => CountAndJudge(command.Verb, out refusal),
        };
    }

    // In the middle of a message's content nobody is cut off for what was before it; a chunk the MTA refuses ends the exception.
    private bool GoesOnWithMessage(Verb verb) => verb == Verb.Bdat && session.Transaction.HasContent && !session.Dialogue.OwesChunk;

    private Reply? Dismiss() => session.Context.Connection is { Dismissal: { } ask } connection ? ask(connection) : null;

    // A chunk may follow one of which is not known yet whether it is content.
    private bool MayBeDismissed(Verb verb) => verb != Verb.Bdat || !session.Dialogue.OwesChunk;

    private GateVerdict JudgeSpent(Verb verb, out Reply? refusal)
    {
        refusal = null;
        if (verb == Verb.Bdat && session.Dialogue.OwesChunk)
            return GateVerdict.Wait;

        refusal = budgets.RefuseForErrors();
        return GateVerdict.Disconnect;
    }

    private bool LacksHelo => session.Options.HeloRequired && !session.Transaction.HasHelo;

    private GateVerdict Restart()
    {
        session.Transaction.NoteMail(isRefused: false);
        return GateVerdict.Forward;
    }

    private GateVerdict JudgeMail(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        var isOn = IsOn(ClientLimits.Message);
        var isLenient = lenientMtas.Contains(session.Mta.Destination);
        var isCounted = isOn && (isLenient || CommandLine.HasAddress(argument, "FROM:"u8));
        refusal = LacksHelo ? Replies.HeloFirst
            : CommandLine.HasParameter(argument, "PRDR"u8) ? Replies.UnsupportedPrdr
            : Discards("DSN") && (CommandLine.HasParameter(argument, "RET"u8) || CommandLine.HasParameter(argument, "ENVID"u8)) ? Replies.DsnDisabled
            : null;

        if ((isCounted || refusal is not null) && session.Dialogue.OwesTransactionChange)
            return GateVerdict.Wait;

        // What no MTA has taken yet goes one at a time: if this one does, its reply counts, and the next one is judged.
        if (isOn && !isCounted && session.Dialogue.Owed > 0)
            return GateVerdict.Wait;

        // A nested MAIL is the MTA's to refuse: it is not counted, and the transaction it stands in goes on.
        if (session.Transaction.HasSender && !isLenient)
            return Refuse(refusal, out refusal);

        if (isCounted && refusal != Replies.HeloFirst)
        {
            if (!TryCount(ClientLimits.Message, out var isOver))
                return GateVerdict.Wait;
            HasCounted = true;
            refusal = isOver ?? refusal;
        }

        session.Transaction.NoteMail(isRefused: refusal is not null);
        return Refuse(refusal, out refusal);
    }

    private GateVerdict JudgeRecipient(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        refusal = null;
        if (session.Transaction.HasRefusedMail)
            return Refuse(Replies.NeedMail, out refusal);

        var isCounted = IsOn(ClientLimits.Recipient);
        var isLenient = lenientMtas.Contains(session.Mta.Destination);
        var mayBeFull = session.Transaction.Recipients + session.Dialogue.OwedRecipients >= session.Limits.RecipientLimit;
        if (((isCounted || mayBeFull) && session.Dialogue.OwesTransactionChange)
            || (mayBeFull && session.Dialogue.OwedRecipients > 0)
            || (isCounted && session.Dialogue.OwesUncountedRecipient))
        {
            return GateVerdict.Wait;
        }

        if (!isLenient && (!CommandLine.HasAddress(argument, "TO:"u8) || ((isCounted || mayBeFull) && !session.Transaction.HasSender)))
            return isCounted && session.Dialogue.Owed > 0 ? GateVerdict.Wait : GateVerdict.Forward;

        if (isCounted && !TryCount(ClientLimits.Recipient, out refusal))
            return GateVerdict.Wait;

        HasCounted = isCounted;
        refusal ??= (Discards("DSN") && (CommandLine.HasParameter(argument, "NOTIFY"u8) || CommandLine.HasParameter(argument, "ORCPT"u8))
                ? Replies.DsnDisabled : null)
            ?? (mayBeFull ? Replies.TooManyRecipients : null);
        if (ReferenceEquals(refusal, Replies.TooManyRecipients))
            session.Metrics.NoteLimitHit(LimitRules.Recipients);
        return Refuse(refusal, out refusal);
    }

    private GateVerdict JudgeVrfy(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        refusal = null;
        if (argument.IsEmpty)
            return GateVerdict.Forward;
        return IsOn(ClientLimits.Recipient) && session.Dialogue.OwesUncountedRecipient ? GateVerdict.Wait : CountAndJudge(Verb.Vrfy, out refusal);
    }

    private GateVerdict JudgeAuth(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        switch (budgets.BeginLogin(out refusal))
        {
            case LoginTurn.Wait:
                return GateVerdict.Wait;
            case LoginTurn.Spent:
                return GateVerdict.Disconnect;
        }

        if (!TryCount(ClientLimits.Auth, out refusal))
            return GateVerdict.Wait;

        refusal ??= (LacksHelo ? Replies.HeloFirst
                : session.HidesAuth || Discards(Verb.Auth) ? Replies.AuthenticationNotEnabled
                : SaslMechanisms.IsPassed(SaslMechanisms.NameIn(argument), session.Context.PassedMechanisms) ? null : Replies.MechanismNotSupported);
        if (refusal is not null)
            budgets.EndLogin();
        return Refuse(refusal, out refusal);
    }

    private Reply? JudgeStartTls(ReadOnlySpan<byte> argument)
    {
        var mode = session.Context.Tls;

        // Where STARTTLS is passed on the MTA may take it with an argument, too.
        if (!argument.IsEmpty && mode != TlsMode.Passthrough)
            return Replies.StartTlsSyntax;
        if (mode == TlsMode.Active)
            return Replies.TlsActive;
        if (mode == TlsMode.None || (argument.IsEmpty && Discards(Verb.StartTls)))
            return Replies.NotImplemented;
        return IsAboveTlsSessionRate(mode) ? Replies.TooManyTlsSessions(session.Identity.NameAddress) : null;
    }

    // Where the handshake is passed on it is not seen, so the 421 Postfix has for one session too many can't be said inside it: that session is refused before.
    private bool IsAboveTlsSessionRate(TlsMode mode)
    {
        // Where the handshake is not seen, this session counts already.
        var uncounted = mode == TlsMode.Passthrough ? 1 : 0;
        if (session.Counter is not { } client || !ClientLimits.NewTlsSession.IsCounted(session.Context.Connection.Options))
            return false;

        var count = client.Peek(AnvilEvent.NewTlsSession) + uncounted;
        HasRefusedInShadow = session.Context.Shadow?.JudgeStartTls(count) ?? false;
        if (ClientLimits.NewTlsSession.Judge(count, session.Limits) is not { } hit)
            return false;

        client.NoteRefusal(hit, session.Limits, TooManyTlsSessions);
        session.Metrics.NoteLimitHit(ClientLimits.NewTlsSession.Parameter);
        if (session.MayLog())
            RelayLog.StartTlsRefused(session.Log, session.Identity.NameAddress, client.Service);
        return true;
    }

    private GateVerdict JudgeUnknown(in CommandLine command, ReadOnlySpan<byte> line, out Reply? refusal)
    {
        refusal = null;
        // These end a session whatever the list says: where it is empty, or in shadow, they are no hits of it.
        var endsAnyway = command.IsHeader || RefusedVerbs.IsHttp(command.Word);
        if (!endsAnyway && session.Context.Shadow is { Smtpd: { } shadow } judge && shadow.ForbiddenCommands.Contains(command.Word))
            judge.NoteForbiddenCommand(Quote(line));
        if (!endsAnyway && !session.Options.ForbiddenCommands.Contains(command.Word))
            return GateVerdict.Forward;

        if (!session.Options.ForbiddenCommands.IsEmpty)
        {
            session.Metrics.NoteLimitHit(LimitRules.ForbiddenCommands);
            session.Counter?.NoteForbiddenCommand(Replies.NotSmtp.Code);
        }

        RelayLog.NotSmtp(session.Log, session.Identity.NameAddress, Quote(line));
        refusal = Replies.NotSmtp;
        return GateVerdict.Disconnect;
    }

    private string Quote(ReadOnlySpan<byte> line) =>
        ClientInput.Quote(new(line.ToArray()), LongestNotSmtpLogged, session.Context.MaySendCredentials);

    private bool IsOn(ClientLimit limit) => session.Counter is not null && limit.IsOn(session.Limits);

    private GateVerdict CountAndJudge(Verb verb, out Reply? refusal)
    {
        refusal = null;
        return ClientLimits.Of(verb) is { } limit && !TryCount(limit, out refusal) ? GateVerdict.Wait : Refuse(refusal, out refusal);
    }

    // False: it waits for what other shields count. The reply is for one that is over the limit.
    private bool TryCount(ClientLimit limit, out Reply? refusal)
    {
        refusal = null;
        if (session.Counter is not { } client || !session.Context.Connection.Counts(limit))
            return true;
        if (!counts.TryCount(client, limit, out var count))
            return false;

        HasRefusedInShadow = session.Context.Shadow?.JudgeCommand(limit, count) ?? false;
        refusal = Judge(limit, count, client);
        return true;
    }

    private Reply? Judge(ClientLimit limit, int count, ClientCounter client)
    {
        if (limit.Judge(count, session.Limits) is not { } hit)
            return null;

        session.Metrics.NoteLimitHit(limit.Parameter);
        if (session.MayLog())
            RelayLog.LimitExceeded(session.Log, limit.Subject, hit.Count, session.Identity.NameAddress, client.Service);
        var reply = hit.ReplyTo(session.Options.MyHostname, session.Identity);
        client.NoteRefusal(hit, session.Limits, reply.Code);
        return reply;
    }

    private bool Discards(string keyword) => session.Discards(keyword);

    private bool Discards(Verb verb) => verb.Row().Keyword is { } keyword && session.Discards(keyword);

    private GateVerdict Refuse(Reply? reply, out Reply? refusal)
    {
        refusal = reply;
        if (ReferenceEquals(refusal, Replies.HeloFirst) || ReferenceEquals(refusal, Replies.HeloFirstForEtrn))
            session.Metrics.NoteLimitHit(LimitRules.Helo);
        return refusal is null ? GateVerdict.Forward : GateVerdict.Refuse;
    }
}
