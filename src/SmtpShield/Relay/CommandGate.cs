using SmtpShield.Limits;
using SmtpShield.Protocol;
using SmtpShield.Telemetry;

namespace SmtpShield.Relay;

/// <summary>
/// Decides for each command whether the MTA may see it, in the order of Postfix's checks (smtpd.c): what a refused command would have changed, nothing behind it may assume.
/// A decision that depends on the reply to an earlier command waits for that reply; nothing is counted before all it depends on is known.
/// </summary>
internal sealed class CommandGate(RelayState state, ClientBudgets budgets, LenientMtas lenientMtas, string destination)
{
    private const int LongestNotSmtpLogged = 100;

    private bool _hasRefusedMail;

    /// <summary>Whether the command judged last is MAIL or RCPT and was counted for the client.</summary>
    public bool HasCounted { get; private set; }

    /// <summary>Judges a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="line">Its whole line, for log lines.</param>
    /// <param name="refusal">The reply, when it is refused.</param>
    public GateVerdict Judge(in CommandLine command, ReadOnlySpan<byte> line, out Reply? refusal)
    {
        HasCounted = false;
        if (budgets.AreErrorsSpent && command.Verb != Verb.Quit && !GoesOnWithMessage(command.Verb))
            return JudgeSpent(command.Verb, out refusal);

        refusal = state.RequiresTls && !command.Verb.Has(VerbFlags.BeforeTls) ? Replies.MustStartTls : RefusedVerbs.ReplyTo(command);
        if (refusal is not null)
            return GateVerdict.Refuse;

        if (state.IsAccessDenied && command.Verb != Verb.Quit)
        {
            refusal = Replies.AccessDenied(state.Client.NameAddress);
            return GateVerdict.Refuse;
        }

        return command.Verb switch
        {
            Verb.Mail => JudgeMail(command.Argument, out refusal),
            Verb.Rcpt => JudgeRecipient(command.Argument, out refusal),
            Verb.Data or Verb.Bdat => Refuse(_hasRefusedMail ? Replies.NeedRecipient : null, out refusal),
            Verb.Vrfy => JudgeVrfy(command.Argument, out refusal),
            Verb.Auth => JudgeAuth(command.Argument, out refusal),
            Verb.Etrn => Refuse(LacksHelo ? Replies.HeloFirstForEtrn : CountAndJudge(Verb.Etrn), out refusal),
            Verb.StartTls => Refuse(JudgeStartTls(command.Argument), out refusal),
            Verb.Helo or Verb.Ehlo or Verb.Rset => Restart(),
            Verb.Unknown => JudgeUnknown(command, line, out refusal),
            _ => Refuse(CountAndJudge(command.Verb), out refusal),
        };
    }

    // In the middle of a message's content nobody is cut off for what was before it; a chunk the MTA refuses ends the exception.
    private bool GoesOnWithMessage(Verb verb) => verb == Verb.Bdat && state.Envelope.HasContent && !state.Pending.HasChunk;

    private GateVerdict JudgeSpent(Verb verb, out Reply? refusal)
    {
        refusal = null;
        if (verb == Verb.Bdat && state.Pending.HasChunk)
            return GateVerdict.Wait;

        refusal = budgets.RefuseForErrors();
        return GateVerdict.Disconnect;
    }

    private bool LacksHelo => state.Options.HeloRequired && !state.Envelope.HasHelo;

    private GateVerdict Restart()
    {
        _hasRefusedMail = false;
        return GateVerdict.Forward;
    }

    private GateVerdict JudgeMail(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        var isOn = IsOn(ClientLimits.Message);
        var isLenient = lenientMtas.Contains(destination);
        var isCounted = isOn && (isLenient || CommandLine.HasAddress(argument, "FROM:"u8));
        refusal = LacksHelo ? Replies.HeloFirst
            : CommandLine.HasParameter(argument, "PRDR"u8) ? Replies.UnsupportedPrdr
            : Discards("DSN") && (CommandLine.HasParameter(argument, "RET"u8) || CommandLine.HasParameter(argument, "ENVID"u8)) ? Replies.DsnDisabled
            : null;

        if ((isCounted || refusal is not null) && state.Pending.HasTransactionChange)
            return GateVerdict.Wait;

        // What no MTA has taken yet goes one at a time: if this one does, its reply counts, and the next one is judged.
        if (isOn && !isCounted && state.Pending.Count > 0)
            return GateVerdict.Wait;

        // A nested MAIL is the MTA's to refuse: it is not counted, and the transaction it stands in goes on.
        if (state.Envelope.HasSender && !isLenient)
            return Refuse(refusal, out refusal);

        if (isCounted && refusal != Replies.HeloFirst)
            refusal = Count(ClientLimits.Message) ?? refusal;
        _hasRefusedMail = refusal is not null;
        return Refuse(refusal, out refusal);
    }

    private GateVerdict JudgeRecipient(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        refusal = null;
        if (_hasRefusedMail)
            return Refuse(Replies.NeedMail, out refusal);

        var isCounted = IsOn(ClientLimits.Recipient);
        var isLenient = lenientMtas.Contains(destination);
        var mayBeFull = state.Envelope.Recipients + state.Pending.Recipients >= state.Limits.RecipientLimit;
        if (((isCounted || mayBeFull) && state.Pending.HasTransactionChange)
            || (mayBeFull && state.Pending.Recipients > 0)
            || (isCounted && state.Pending.HasUncountedRecipient))
        {
            return GateVerdict.Wait;
        }

        if (!isLenient && (!CommandLine.HasAddress(argument, "TO:"u8) || ((isCounted || mayBeFull) && !state.Envelope.HasSender)))
            return isCounted && state.Pending.Count > 0 ? GateVerdict.Wait : GateVerdict.Forward;

        refusal = (isCounted ? Count(ClientLimits.Recipient) : null)
            ?? (Discards("DSN") && (CommandLine.HasParameter(argument, "NOTIFY"u8) || CommandLine.HasParameter(argument, "ORCPT"u8)) ? Replies.DsnDisabled : null)
            ?? (mayBeFull ? Replies.TooManyRecipients : null);
        return Refuse(refusal, out refusal);
    }

    private GateVerdict JudgeVrfy(ReadOnlySpan<byte> argument, out Reply? refusal)
    {
        refusal = null;
        if (argument.IsEmpty || !IsOn(ClientLimits.Recipient))
            return GateVerdict.Forward;
        return state.Pending.HasUncountedRecipient ? GateVerdict.Wait : Refuse(CountAndJudge(Verb.Vrfy), out refusal);
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

        refusal = CountAndJudge(Verb.Auth)
            ?? (LacksHelo ? Replies.HeloFirst
                : state.HidesAuth || Discards(Verb.Auth) ? Replies.AuthenticationNotEnabled
                : SaslMechanisms.IsPassed(SaslMechanisms.NameIn(argument), state.Session.PassedMechanisms) ? null : Replies.MechanismNotSupported);
        if (refusal is not null)
            budgets.EndLogin();
        return Refuse(refusal, out refusal);
    }

    private Reply? JudgeStartTls(ReadOnlySpan<byte> argument)
    {
        var mode = state.Session.Tls;

        // Where STARTTLS is passed on the MTA may take it with an argument, too.
        if (!argument.IsEmpty && mode != TlsMode.Passthrough)
            return Replies.StartTlsSyntax;
        if (mode == TlsMode.Active)
            return Replies.TlsActive;
        if (mode == TlsMode.None || (argument.IsEmpty && Discards(Verb.StartTls)))
            return Replies.NotImplemented;
        return IsAboveTlsSessionRate(mode) ? Replies.TooManyTlsSessions(state.Client.NameAddress) : null;
    }

    // Where the handshake is passed on it is not seen, so the 421 Postfix has for one session too many can't be said inside it: that session is refused before.
    private bool IsAboveTlsSessionRate(TlsMode mode)
    {
        // Where the handshake is not seen, this session counts already.
        var uncounted = mode == TlsMode.Passthrough ? 1 : 0;
        if (state.Counter is not { } client || !IsOn(ClientLimits.NewTlsSession)
            || ClientLimits.NewTlsSession.Judge(client.Peek(AnvilEvent.NewTlsSession) + uncounted, state.Limits) is null)
        {
            return false;
        }

        if (state.LogBudget.TryTake())
            RelayLog.StartTlsRefused(state.Log, state.Client.NameAddress, client.Service);
        return true;
    }

    private GateVerdict JudgeUnknown(in CommandLine command, ReadOnlySpan<byte> line, out Reply? refusal)
    {
        refusal = null;
        if (!command.IsHeader && !RefusedVerbs.IsHttp(command.Word) && !state.Options.ForbiddenCommands.Contains(command.Word))
            return GateVerdict.Forward;

        RelayLog.NotSmtp(state.Log, state.Client.NameAddress, ClientInput.Quote(new(line.ToArray()), LongestNotSmtpLogged, state.Session.MaySendCredentials));
        refusal = Replies.NotSmtp;
        return GateVerdict.Disconnect;
    }

    private bool IsOn(ClientLimit limit) => state.Counter is not null && limit.IsOn(state.Limits);

    private Reply? Count(ClientLimit limit)
    {
        HasCounted = true;
        return CountAndJudge(limit);
    }

    private Reply? CountAndJudge(Verb verb) => ClientLimits.Of(verb) is { } limit ? CountAndJudge(limit) : null;

    private Reply? CountAndJudge(ClientLimit limit)
    {
        if (!IsOn(limit))
            return null;

        var count = state.Counter!.Count(limit);
        if (limit.Judge(count, state.Limits) is not { } hit)
            return null;

        if (state.LogBudget.TryTake())
            RelayLog.LimitExceeded(state.Log, limit.Subject, hit.Count, state.Client.NameAddress, state.Counter.Service);
        return hit.ReplyTo(state.Options.MyHostname, state.Client);
    }

    private bool Discards(string keyword) => state.Discards(keyword);

    private bool Discards(Verb verb) => verb.Row().Keyword is { } keyword && state.Discards(keyword);

    private static GateVerdict Refuse(Reply? reply, out Reply? refusal) => (refusal = reply) is null ? GateVerdict.Forward : GateVerdict.Refuse;
}
