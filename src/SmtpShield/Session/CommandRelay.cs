using System.Buffers;
using System.Text.Unicode;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Client to MTA, as long as the client sends lines: takes one command after the other, gives it its place in <see cref="PendingCommands"/>
/// and forwards it, or answers it here. Goes no further than <see cref="ErrorLimit.Credit"/>, the client's budgets and the end of a pipelined group allow.
/// </summary>
internal sealed class CommandRelay(SmtpSession session, CommandGate gate, ClientBudgets budgets, StandIn standIn)
{
    private const int LongestInputLogged = 100;
    private const int LongestLineStartLogged = 30;

    private bool _isSkipping;
    private bool _hasBegun;

    /// <summary>The client's bytes can be used as soon as there are more of them.</summary>
    public bool NeedsInput { get; private set; }

    /// <summary>Moves as many lines as are there and allowed.</summary>
    /// <returns>Whether any was moved.</returns>
    public bool Pump()
    {
        var moved = false;
        NeedsInput = false;
        while (!session.HasEnded && session.Dialogue.Phase is DialoguePhase.Commands or DialoguePhase.SaslResponse)
        {
            if (session.Mta.IsFlushing || (session.Dialogue.Phase is DialoguePhase.Commands && !MayForward()))
                return moved;

            if (!_hasBegun && IsOtherProtocol())
                return true;

            if (!TryReadLine(out var line, out var next, out var isTooLong))
            {
                NeedsInput = true;
                return moved;
            }

            if (session.Dialogue.Phase is DialoguePhase.Commands && !budgets.TryTakeRoom())
            {
                // Nothing is taken: of a line that is too long the rest is skipped then, as now.
                _isSkipping = isTooLong;
                return moved;
            }

            if (session.Dialogue.Phase is DialoguePhase.SaslResponse)
            {
                if (!TryRelaySaslResponse(line, next, isTooLong))
                    return moved;
            }
            else if (isTooLong)
            {
                session.Client.Take(next);
                AnswerHere(Verb.Unknown, Replies.CommandTooLong(session.Options.MyHostname));
            }
            else if (!TryRelayCommand(line, next))
            {
                return moved;
            }

            moved = true;
        }

        return moved;
    }

    private bool MayForward() =>
        !session.Dialogue.IsGroupEnded && session.Dialogue.Owed < Math.Min(session.Errors.Credit(session.Limits), PendingCommands.Capacity)
        && session.Transaction.HasRoom && !session.Mta.HoldsCommand && !(session.Mta.Profile.IsLockStep && session.Dialogue.Owed > 0);

    // The first octets of a TLS handshake or of telnet options: no line end may ever come, and no MTA should see them.
    private bool IsOtherProtocol()
    {
        if (session.Client.Received.IsEmpty)
            return false;

        _hasBegun = true;
        var isBinary = session.Client.Received.FirstSpan[0] is < (byte)' '
            and not ((byte)'\t' or (byte)'\n' or (byte)'\v' or (byte)'\f' or (byte)'\r') or > (byte)'~';
        if (isBinary)
            RefuseOtherProtocol(session.Client.Received);
        return isBinary;
    }

    private void RefuseOtherProtocol(in ReadOnlySequence<byte> input)
    {
        RelayLog.NotSmtp(session.Log, session.Identity.NameAddress, ClientInput.Quote(input, LongestInputLogged, session.Context.MaySendCredentials));
        Disconnect(Verb.Unknown, Replies.SmtpExpected);
    }

    private bool TryReadLine(out ReadOnlySequence<byte> line, out SequencePosition next, out bool isTooLong)
    {
        isTooLong = false;
        line = default;
        next = default;
        var side = session.Client;
        var isComplete = _isSkipping ? isTooLong = TrySkip(side, out next) : TryReadWholeLine(side, out line, out next, out isTooLong);
        if (isComplete)
        {
            ShadowWatch.LookAtLine(session);
            side.NoteLine();
        }
        else if (_isSkipping || !side.Received.IsEmpty)
            side.NotePartOfLine();
        return isComplete;
    }

    private bool TryReadWholeLine(ClientLeg side, out ReadOnlySequence<byte> line, out SequencePosition next, out bool isTooLong)
    {
        isTooLong = false;
        var isAuth = session.Dialogue.Phase is DialoguePhase.SaslResponse || StartsWithAuth(side.Received);
        switch (SmtpLines.TryReadLine(side.Received, isAuth ? ProtocolLimits.SaslLine : session.Options.LineLengthLimit,
            session.Options.AcceptLfCommands, out line, out next))
        {
            case LineStatus.NeedMore:
                return false;
            case LineStatus.Complete:
                return true;
            default:
                var start = side.Received.Slice(0, LongestLineStartLogged);
                if (isAuth)
                    session.Context.ExpectCredentials();
                if (session.MayLog())
                    RelayLog.RequestTooLong(session.Log, session.Identity.NameAddress, session.Options.LineLengthLimit,
                        ClientInput.Quote(start, LongestLineStartLogged, session.Context.MaySendCredentials));
                _isSkipping = true;
                return isTooLong = TrySkip(side, out next);
        }
    }

    // An initial response may make an AUTH command as long as a SASL line (RFC 4954 section 4).
    private static bool StartsWithAuth(in ReadOnlySequence<byte> received)
    {
        Span<byte> start = stackalloc byte[32];
        start = start[..(int)Math.Min(start.Length, received.Length)];
        received.Slice(0, start.Length).CopyTo(start);
        return CommandLine.Parse(start).Verb == Verb.Auth;
    }

    // The rest of an over-long line is dropped as it comes, so that it is never kept and never read as a command.
    private bool TrySkip(ClientLeg side, out SequencePosition next)
    {
        next = default;
        if (SmtpLines.FindEnd(side.Received, session.Options.AcceptLfCommands) is not { } lineFeed)
        {
            // A CR may be the first half of the end.
            var endsInCr = !side.Received.IsEmpty && side.Received.Slice(side.Received.Length - 1).FirstSpan[0] == (byte)'\r';
            var dropped = side.Received.Length - (endsInCr ? 1 : 0);
            side.Take(dropped);
            if (!session.MayDrop(dropped))
                RefuseInput();
            return false;
        }

        next = side.Received.GetPosition(1, lineFeed);
        _isSkipping = false;
        return true;
    }

    // A line without an end is no command, so nothing is owed behind it.
    private void RefuseInput()
    {
        var reply = Replies.TooMuchRefusedInput(session.Options.MyHostname);
        if (session.Dialogue.Phase is DialoguePhase.SaslResponse)
            session.End(SessionEndReason.ClientDisconnected, reply);
        else
            Disconnect(Verb.Unknown, reply);
    }

    private bool TryRelayCommand(in ReadOnlySequence<byte> line, SequencePosition next)
    {
        if (line.IsSingleSegment)
            return TryRelayCommand(line.FirstSpan, next);

        var copy = ArrayPool<byte>.Shared.Rent((int)line.Length);
        line.CopyTo(copy);
        var isRelayed = TryRelayCommand(copy.AsSpan(0, (int)line.Length), next);
        ArrayPool<byte>.Shared.Return(copy);
        return isRelayed;
    }

    // False: the command waits, and stays where it is.
    private bool TryRelayCommand(ReadOnlySpan<byte> line, SequencePosition next)
    {
        var received = session.Client.Received;
        var command = CommandLine.Parse(line);
        if (ClientInput.BeginsWithAuth(command.Word))
            session.Context.ExpectCredentials();
        if (EndsInForbiddenBareLf(next))
        {
            // The line says in which transaction it was: that is known when all before it is answered.
            if (session.Dialogue.Owed > 0)
                return false;

            Add(new PendingCommand { Verb = Verb.Unknown, IsBlank = true, EndsGroup = true, EndsSession = true }.AnsweredWith(RejectBareLf()));
            return true;
        }

        if (SmtpLines.IsAmbiguous(line))
        {
            session.Client.Take(next);
            AnswerHere(Verb.Unknown, Replies.BadSyntax);
            return true;
        }

        if (session.Dialogue.After == Dialogue.AfterConnect && line.StartsWith("SSH-"u8))
        {
            RefuseOtherProtocol(received);
            return true;
        }

        var rest = received.Slice(next);
        if (!rest.IsEmpty && IsImproperBefore(command.Verb, rest))
        {
            session.Dialogue.GoBehind(command.Verb.Name());
            session.Metrics.NoteLimitHit(LimitRules.Pipelining);
            session.Counter?.NotePipelining(Replies.SynchronizationError.Code);
            Disconnect(command.Verb, Replies.SynchronizationError);
            return true;
        }

        // What is said in the MTA's place depends on all that was said before, and has its effect when it leaves.
        if (session.Mta.State is MtaLegState.None && session.Dialogue.OwesTransactionChange)
            return false;

        var verdict = gate.Judge(command, line, out var refusal, out var permit);
        if (verdict is GateVerdict.Wait)
            return false;

        // A blank line is no command, and one that is not UTF-8 or must not come before TLS was none for Postfix: "lost connection
        // after" keeps naming the one before.
        if (!command.Word.IsEmpty && refusal != Replies.MustStartTls && Utf8.IsValid(line))
            session.Dialogue.GoBehind(command.Verb.Name());
        session.Client.Take(next);
        if (verdict is GateVerdict.Disconnect)
            Disconnect(command.Verb, refusal!);
        else if (command.Verb == Verb.Bdat && refusal != Replies.MustStartTls)
            RelayChunkCommand(command, refusal, permit, line);
        else if (refusal is not null)
            Refuse(command, refusal);
        else if (command.Verb == Verb.StartTls && session.Context.Tls == TlsMode.Offered)
            AnswerHere(Verb.StartTls, Replies.ReadyToStartTls, endsGroup: true);
        else
            Forward(command, line, permit);
        return true;
    }

    private bool EndsInForbiddenBareLf(SequencePosition next) =>
        session.Options.ForbidBareNewline is BareNewlinePolicy.Reject && SmtpLines.EndsInBareLf(session.Client.Received, next);

    private Reply RejectBareLf()
    {
        RelayLog.Rejected(session.Log, session.Dialogue.After, session.Identity.NameAddress, "bare <LF> received", session.Transaction.Describe());
        return session.Adapt(Replies.BareLfInCommand(session.Options.MyHostname));
    }

    // Input behind a command whose reply the client must have seen before it goes on, or in a session that has not been offered PIPELINING (smtpd.c).
    private bool IsImproperBefore(Verb verb, in ReadOnlySequence<byte> input)
    {
        if (session.Mta.Profile.DeniesAccess || verb.Has(VerbFlags.Unwatched) || (session.Transaction.IsEsmtp && !verb.Has(VerbFlags.LastInGroup)))
            return false;

        if (session.Context.NoteImproperPipelining())
            RelayLog.ImproperPipelining(session.Log, verb.Name(), session.Identity.NameAddress,
                ClientInput.Quote(input, LongestInputLogged, session.Context.MaySendCredentials));
        if (session.Context.Shadow is { Smtpd.ForbidUnauthPipelining: true } shadow)
            shadow.NotePipelining(verb.Name());
        return session.Options.ForbidUnauthPipelining;
    }

    private void Forward(in CommandLine command, ReadOnlySpan<byte> line, Permit permit)
    {
        var pending = new PendingCommand
        {
            Verb = command.Verb,
            EndsGroup = command.Verb.EndsGroup(),
            IsBlank = command.Word.IsEmpty,
            IsCounted = permit.IsCounted,
            IsJudged = gate.HasJudged,
            IsRefusedInShadow = gate.HasRefusedInShadow,
            IsNotUtf8 = !Utf8.IsValid(line),
            LacksLabel = command.Verb.LacksLabel(command.Argument),
            Kept = Keep(command, line),
        };
        if (command.Verb == Verb.Quit && session.MayLeaveToOthers)
            session.Mta.Release();
        if (StandInReply(command, line) is { } reply)
        {
            Add(pending.AnsweredForMta(reply));
            return;
        }

        Add(pending.WithMta(hasCredentials: command.Verb == Verb.Auth && command.Argument.Length > SaslMechanisms.NameIn(command.Argument).Length));
        session.Mta.Send(permit, line);
    }

    private Reply? StandInReply(in CommandLine command, ReadOnlySpan<byte> line) =>
        session.Mta.State is MtaLegState.None && standIn.ReplyTo(command, line) is { } reply ? session.Adapt(reply) : null;

    private KeptLine Keep(in CommandLine command, ReadOnlySpan<byte> line)
    {
        var row = command.Verb.Row();
        var words = row.Kept switch
        {
            KeptWords.Argument => command.Argument,
            KeptWords.Address => CommandLine.AddressOf(command.Argument),
            KeptWords.Mailbox => command.Argument.Trim("<>"u8),
            KeptWords.Mechanism => SaslMechanism.NameOf(command.Argument),
            _ => default,
        };
        return command.Verb.Has(VerbFlags.Replayed) ? session.Transaction.KeepWhole(line, words) : session.Transaction.Keep(words);
    }

    private void RelayChunkCommand(in CommandLine command, Reply? refusal, Permit permit, ReadOnlySpan<byte> line)
    {
        if (!session.Mta.Profile.OffersChunking)
        {
            // An MTA that does not know BDAT would take the chunk for commands; where the chunk ends is not believed either, so the session does.
            AnswerHere(Verb.Bdat, Replies.BdatNotOffered, endsGroup: true);
            return;
        }

        if (!BdatCommand.TryParse(command.Argument, session.Options.MaxChunk, out var chunk))
        {
            AnswerHere(Verb.Bdat, Replies.BdatSyntax, endsGroup: true);
            return;
        }

        if (session.Transaction.CountChunk() > ProtocolLimits.Chunks)
        {
            AnswerHere(Verb.Bdat, Replies.TooManyChunks(session.Options.MyHostname), endsGroup: true);
            return;
        }

        var mtas = refusal is null ? StandInReply(command, line) : null;
        refusal ??= mtas;
        session.Dialogue.Note(DialogueEvent.ChunkAnnounced);
        session.Transaction.BeginChunk(chunk.Size, refusal, isMtas: mtas is not null);
        session.Client.BeginContent();
        if (refusal is not null)
            return;

        Span<byte> announced = stackalloc byte[24];
        Add(new PendingCommand { Verb = Verb.Bdat, EndsGroup = chunk.IsLast, IsLastChunk = chunk.IsLast, IsEmptyChunk = chunk is { Size: 0, IsLast: false } }
            .WithMta());
        session.Mta.Send(permit, announced[..(chunk.Format(announced) - SmtpLines.CrLf.Length)]);
    }

    // False: the response waits, and stays where it is.
    private bool TryRelaySaslResponse(in ReadOnlySequence<byte> line, SequencePosition next, bool isTooLong)
    {
        Reply? refusal = null;
        var permit = isTooLong ? gate.PermitCancel() : default;
        switch (isTooLong ? GateVerdict.Forward : gate.JudgeResponse(out refusal, out permit))
        {
            case GateVerdict.Wait:
                return false;
            case GateVerdict.Disconnect:
                session.End(SessionEndReason.ClientDisconnected, refusal);
                return true;
        }

        session.Client.Take(next);
        RelaySaslResponse(line, isTooLong, permit);
        return true;
    }

    private void RelaySaslResponse(in ReadOnlySequence<byte> line, bool isTooLong, Permit permit)
    {
        session.Dialogue.Note(DialogueEvent.Responded);
        session.Mta.NoteActive();
        session.Mta.NoteNeeded();
        if ((isTooLong ? Replies.SaslResponseTooLong : IsAmbiguous(line) ? Replies.BadSyntax : null) is { } refusal)
        {
            // The exchange is cancelled at the MTA too (RFC 4954 section 4), and its reply replaced by ours.
            session.Dialogue.Oldest.Replace(session.Adapt(refusal));
            session.Mta.Send(permit, "*"u8);
            return;
        }

        session.Dialogue.Oldest.NoteCredentials();
        session.Mta.Send(permit, line);
    }

    private static bool IsAmbiguous(in ReadOnlySequence<byte> line)
    {
        foreach (var segment in line)
        {
            if (SmtpLines.IsAmbiguous(segment.Span))
                return true;
        }

        return false;
    }

    // What the gate has refused may have been counted all the same, or is to be.
    private void Refuse(in CommandLine command, Reply reply)
    {
        Add(new PendingCommand
        {
            Verb = command.Verb,
            IsCounted = gate.HasCounted,
            IsJudged = gate.HasJudged,
            IsRefusedInShadow = gate.HasRefusedInShadow,
            LacksLabel = command.Verb.LacksLabel(command.Argument),
        }.AnsweredWith(session.Adapt(reply)));
    }

    private void AnswerHere(Verb verb, Reply reply, bool endsGroup = false) =>
        Add(new PendingCommand { Verb = verb, EndsGroup = endsGroup }.AnsweredWith(session.Adapt(reply)));

    private void Disconnect(Verb verb, Reply reply) =>
        Add(new PendingCommand { Verb = verb, EndsGroup = true, EndsSession = true }.AnsweredWith(session.Adapt(reply)));

    private void Add(in PendingCommand command)
    {
        if (command.IsForwarded && command.Verb.Has(VerbFlags.NeedsMta))
            session.Mta.NoteNeeded();
        if (session.Dialogue.Owed == 0)
            session.Mta.NoteActive();
        session.Dialogue.Owe(command);
        budgets.NoteCommands();
    }
}
