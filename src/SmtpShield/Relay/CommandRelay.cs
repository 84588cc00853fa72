using System.Buffers;
using System.Text.Unicode;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Protocol;
using SmtpShield.Telemetry;

namespace SmtpShield.Relay;

/// <summary>
/// Client to MTA, as long as the client sends lines: takes one command after the other, gives it its place in <see cref="PendingCommands"/> and forwards it, or answers it
/// here. Goes no further than <see cref="ErrorLimit.Credit"/>, the client's budgets and the end of a pipelined group allow.
/// </summary>
internal sealed class CommandRelay(RelayState state, ClientBudgets budgets, LenientMtas lenientMtas, string destination)
{
    private const int LongestInputLogged = 100;
    private const int LongestLineStartLogged = 30;

    private readonly CommandGate _gate = new(state, budgets, lenientMtas, destination);
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
        while (!state.HasEnded && state.Phase is RelayPhase.Commands or RelayPhase.SaslResponse)
        {
            if (state.UpstreamSide.IsFlushing || (state.Phase is RelayPhase.Commands && !MayForward()))
                return moved;

            if (!_hasBegun && IsOtherProtocol())
                return true;

            if (!TryReadLine(out var line, out var next, out var isTooLong))
            {
                NeedsInput = true;
                return moved;
            }

            if (state.Phase is RelayPhase.SaslResponse)
            {
                if (!TryRelaySaslResponse(line, next, isTooLong))
                    return moved;
            }
            else if (isTooLong)
            {
                state.ClientSide.Take(next);
                AnswerHere(Verb.Unknown, Replies.CommandTooLong(state.Options.MyHostname));
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
        !state.Pending.IsGroupEnded && state.Pending.Count < Math.Min(state.Errors.Credit(state.Limits), PendingCommands.Capacity) && budgets.HasRoom;

    // The first octets of a TLS handshake or of telnet options: no line end may ever come, and no MTA should see them.
    private bool IsOtherProtocol()
    {
        if (state.ClientSide.Received.IsEmpty)
            return false;

        _hasBegun = true;
        var isBinary = state.ClientSide.Received.FirstSpan[0] is < (byte)' ' and not ((byte)'\t' or (byte)'\n' or (byte)'\v' or (byte)'\f' or (byte)'\r') or > (byte)'~';
        if (isBinary)
            RefuseOtherProtocol(state.ClientSide.Received);
        return isBinary;
    }

    private void RefuseOtherProtocol(in ReadOnlySequence<byte> input)
    {
        RelayLog.NotSmtp(state.Log, state.Client.NameAddress, ClientInput.Quote(input, LongestInputLogged, state.Session.MaySendCredentials));
        Disconnect(Verb.Unknown, Replies.SmtpExpected);
    }

    private bool TryReadLine(out ReadOnlySequence<byte> line, out SequencePosition next, out bool isTooLong)
    {
        isTooLong = false;
        line = default;
        next = default;
        var side = state.ClientSide;
        var isComplete = _isSkipping ? isTooLong = TrySkip(side, out next) : TryReadWholeLine(side, out line, out next, out isTooLong);
        if (isComplete)
            state.LineStart = 0;
        else if (state.LineStart == 0 && (_isSkipping || !side.Received.IsEmpty))
            state.LineStart = state.Now;
        return isComplete;
    }

    private bool TryReadWholeLine(RelaySide side, out ReadOnlySequence<byte> line, out SequencePosition next, out bool isTooLong)
    {
        isTooLong = false;
        var isAuth = state.Phase is RelayPhase.SaslResponse || StartsWithAuth(side.Received);
        switch (SmtpLines.TryReadLine(side.Received, isAuth ? ProtocolLimits.SaslLine : state.Options.LineLengthLimit, state.Options.AcceptLfCommands, out line, out next))
        {
            case LineStatus.NeedMore:
                return false;
            case LineStatus.Complete:
                return true;
            default:
                var start = side.Received.Slice(0, LongestLineStartLogged);
                state.Session.MaySendCredentials |= isAuth;
                if (state.LogBudget.TryTake())
                    RelayLog.RequestTooLong(state.Log, state.Client.NameAddress, state.Options.LineLengthLimit, ClientInput.Quote(start, LongestLineStartLogged, state.Session.MaySendCredentials));
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
    private bool TrySkip(RelaySide side, out SequencePosition next)
    {
        next = default;
        if (SmtpLines.FindEnd(side.Received, state.Options.AcceptLfCommands) is not { } lineFeed)
        {
            // A CR may be the first half of the end.
            var endsInCr = !side.Received.IsEmpty && side.Received.Slice(side.Received.Length - 1).FirstSpan[0] == (byte)'\r';
            var dropped = side.Received.Length - (endsInCr ? 1 : 0);
            side.Take(dropped);
            if (!state.MayDrop(dropped))
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
        var reply = Replies.TooMuchRefusedInput(state.Options.MyHostname);
        if (state.Phase is RelayPhase.SaslResponse)
            state.End(RelayResult.ClientDisconnected, reply);
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
        var received = state.ClientSide.Received;
        var command = CommandLine.Parse(line);
        state.Session.MaySendCredentials |= ClientInput.BeginsWithAuth(command.Word);
        if (EndsInForbiddenBareLf(next))
        {
            // The line says in which transaction it was: that is known when all before it is answered.
            if (state.Pending.Count > 0)
                return false;

            Add(new() { Verb = Verb.Unknown, IsBlank = true, EndsGroup = true, EndsSession = true, OwnReply = RejectBareLf() });
            return true;
        }

        if (SmtpLines.IsAmbiguous(line))
        {
            state.ClientSide.Take(next);
            AnswerHere(Verb.Unknown, Replies.BadSyntax);
            return true;
        }

        if (state.After == RelayState.AfterConnect && line.StartsWith("SSH-"u8))
        {
            RefuseOtherProtocol(received);
            return true;
        }

        var rest = received.Slice(next);
        if (!rest.IsEmpty && IsImproperBefore(command.Verb, rest))
        {
            state.After = command.Verb.Name();
            Disconnect(command.Verb, Replies.SynchronizationError);
            return true;
        }

        var verdict = _gate.Judge(command, line, out var refusal);
        if (verdict is GateVerdict.Wait)
            return false;

        // A blank line is no command, and one that is not UTF-8 or must not come before TLS was none for Postfix: "lost connection after" keeps naming the one before.
        if (!command.Word.IsEmpty && refusal != Replies.MustStartTls && Utf8.IsValid(line))
            state.After = command.Verb.Name();
        state.ClientSide.Take(next);
        if (verdict is GateVerdict.Disconnect)
            Disconnect(command.Verb, refusal!);
        else if (command.Verb == Verb.Bdat && refusal != Replies.MustStartTls)
            RelayChunkCommand(command, refusal);
        else if (refusal is not null)
            AnswerHere(command.Verb, refusal);
        else if (command.Verb == Verb.StartTls && state.Session.Tls == TlsMode.Offered)
            AnswerHere(Verb.StartTls, Replies.ReadyToStartTls, endsGroup: true);
        else
            Forward(command, line);
        return true;
    }

    private bool EndsInForbiddenBareLf(SequencePosition next) =>
        state.Options.ForbidBareNewline is BareNewlinePolicy.Reject && SmtpLines.EndsInBareLf(state.ClientSide.Received, next);

    private Reply RejectBareLf()
    {
        RelayLog.Rejected(state.Log, state.After, state.Client.NameAddress, "bare <LF> received", state.Envelope.Describe(state.Envelope.Sender, state.Envelope.FirstRecipient, state.Envelope.HasSender));
        return state.Adapt(Replies.BareLfInCommand(state.Options.MyHostname));
    }

    // Input behind a command whose reply the client must have seen before it goes on, or in a session that has not been offered PIPELINING (smtpd.c).
    private bool IsImproperBefore(Verb verb, in ReadOnlySequence<byte> input)
    {
        if (state.IsAccessDenied || verb.Has(VerbFlags.Unwatched) || (state.Envelope.IsEsmtp && !verb.Has(VerbFlags.LastInGroup)))
            return false;

        if (!state.Session.HasPipelinedImproperly)
            RelayLog.ImproperPipelining(state.Log, verb.Name(), state.Client.NameAddress, ClientInput.Quote(input, LongestInputLogged, state.Session.MaySendCredentials));
        state.Session.HasPipelinedImproperly = true;
        return state.Options.ForbidUnauthPipelining;
    }

    private void Forward(in CommandLine command, ReadOnlySpan<byte> line)
    {
        var pending = new PendingCommand { Verb = command.Verb, IsForwarded = true, EndsGroup = command.Verb.EndsGroup(), IsBlank = command.Word.IsEmpty };
        pending.HasCredentials = command.Verb == Verb.Auth && command.Argument.Length > SaslMechanisms.NameIn(command.Argument).Length;
        pending.IsCounted = _gate.HasCounted;
        pending.IsNotUtf8 = !Utf8.IsValid(line);
        pending.LacksLabel = command.Verb.LacksLabel(command.Argument);
        var words = command.Verb.Row().Kept switch
        {
            KeptWords.Argument => command.Argument,
            KeptWords.Address => CommandLine.AddressOf(command.Argument),
            KeptWords.Mailbox => command.Argument.Trim("<>"u8),
            KeptWords.Mechanism => SaslMechanism.NameOf(command.Argument),
            _ => default,
        };
        if (!words.IsEmpty)
            (pending.ArgumentStart, pending.ArgumentLength) = state.Envelope.Keep(words);

        Add(pending);
        state.UpstreamSide.Write(line);
        state.UpstreamSide.Write(SmtpLines.CrLf);
    }

    private void RelayChunkCommand(in CommandLine command, Reply? refusal)
    {
        if (!state.OffersChunking)
        {
            // An MTA that does not know BDAT would take the chunk for commands; where the chunk ends is not believed either, so the session does.
            AnswerHere(Verb.Bdat, Replies.BdatNotOffered, endsGroup: true);
            return;
        }

        if (!BdatCommand.TryParse(command.Argument, state.Options.MaxChunk, out var chunk))
        {
            AnswerHere(Verb.Bdat, Replies.BdatSyntax, endsGroup: true);
            return;
        }

        if (++state.Chunks > ProtocolLimits.Chunks)
        {
            AnswerHere(Verb.Bdat, Replies.TooManyChunks(state.Options.MyHostname), endsGroup: true);
            return;
        }

        state.Phase = RelayPhase.Chunk;
        state.ChunkRemaining = chunk.Size;
        state.ChunkRefusal = refusal;
        state.StartContentBudget();
        if (refusal is not null)
            return;

        Span<byte> line = stackalloc byte[24];
        Add(new() { Verb = Verb.Bdat, IsForwarded = true, EndsGroup = chunk.IsLast, IsLastChunk = chunk.IsLast, IsEmptyChunk = chunk is { Size: 0, IsLast: false } });
        state.UpstreamSide.Write(line[..chunk.Format(line)]);
    }

    // False: the response waits, and stays where it is. It can be a guess like any other.
    private bool TryRelaySaslResponse(in ReadOnlySequence<byte> line, SequencePosition next, bool isTooLong)
    {
        if (!isTooLong)
        {
            switch (budgets.BeginLogin(out var refusal))
            {
                case LoginTurn.Wait:
                    return false;
                case LoginTurn.Spent:
                    state.End(RelayResult.ClientDisconnected, refusal);
                    return true;
            }
        }

        state.ClientSide.Take(next);
        RelaySaslResponse(line, isTooLong);
        return true;
    }

    private void RelaySaslResponse(in ReadOnlySequence<byte> line, bool isTooLong)
    {
        state.Phase = RelayPhase.Commands;
        state.UpstreamActivity = state.Now;
        Reply? refusal = isTooLong ? Replies.SaslResponseTooLong : IsAmbiguous(line) ? Replies.BadSyntax : null;
        if (refusal is null)
        {
            state.Pending.Head.HasCredentials = true;
            state.UpstreamSide.Write(line);
        }
        else
        {
            // The exchange is cancelled at the MTA too (RFC 4954 section 4), and its reply replaced by ours.
            state.Pending.Head.OwnReply = state.Adapt(refusal);
            state.UpstreamSide.Write("*"u8);
        }

        state.UpstreamSide.Write(SmtpLines.CrLf);
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

    private void AnswerHere(Verb verb, Reply reply, bool endsGroup = false) => Add(new() { Verb = verb, OwnReply = state.Adapt(reply), EndsGroup = endsGroup });

    private void Disconnect(Verb verb, Reply reply) => Add(new() { Verb = verb, OwnReply = state.Adapt(reply), EndsGroup = true, EndsSession = true });

    private void Add(in PendingCommand command)
    {
        if (state.Pending.Count == 0)
            state.UpstreamActivity = state.Now;
        state.Pending.Add(command);
        budgets.NoteCommands();
    }
}
