using System.Buffers;
using SmtpShield.Protocol;
using SmtpShield.Telemetry;

namespace SmtpShield.Relay;

/// <summary>
/// Client to MTA, as long as the client sends lines: takes one command after the other, gives it its place in <see cref="PendingCommands"/> and forwards it, or answers it
/// here. Goes no further than <see cref="Limits.ErrorLimit.Credit"/> and the end of a pipelined group allow.
/// </summary>
internal sealed class CommandRelay(RelayState state)
{
    private bool _isSkipping;

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

            if (!TryReadLine(out var line, out var isTooLong))
            {
                NeedsInput = true;
                return moved;
            }

            moved = true;
            if (state.Phase is RelayPhase.SaslResponse)
                RelaySaslResponse(line, isTooLong);
            else if (isTooLong)
                AnswerHere(Verb.Unknown, Replies.CommandTooLong(state.Options.MyHostname), endsGroup: false);
            else
                RelayCommand(line);
        }

        return moved;
    }

    private bool MayForward() =>
        !state.Pending.IsGroupEnded && state.Pending.Count < Math.Min(state.Errors.Credit(state.Limits), PendingCommands.Capacity);

    private bool TryReadLine(out ReadOnlySequence<byte> line, out bool isTooLong)
    {
        isTooLong = false;
        line = default;
        var side = state.ClientSide;
        if (_isSkipping)
            return isTooLong = TrySkip(side);

        var isAuth = state.Phase is RelayPhase.SaslResponse || StartsWithAuth(side.Received);
        var status = SmtpLines.TryReadLine(side.Received, isAuth ? ProtocolLimits.SaslLine : state.Options.LineLengthLimit, out line, out var next);
        switch (status)
        {
            case LineStatus.NeedMore:
                return false;
            case LineStatus.Complete:
                side.Take(next);
                return true;
            default:
                var start = side.Received.Slice(0, 30);
                RelayLog.RequestTooLong(state.Log, state.Client.NameAddress, state.Options.LineLengthLimit, isAuth ? "" : ClientText.Escape(start));
                _isSkipping = true;
                return isTooLong = TrySkip(side);
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
    private bool TrySkip(RelaySide side)
    {
        if (side.Received.PositionOf((byte)'\n') is not { } lineFeed)
        {
            side.Take(side.Received.End);
            return false;
        }

        side.Take(side.Received.GetPosition(1, lineFeed));
        _isSkipping = false;
        return true;
    }

    private void RelayCommand(in ReadOnlySequence<byte> line)
    {
        if (line.IsSingleSegment)
        {
            RelayCommand(line.FirstSpan);
            return;
        }

        var copy = ArrayPool<byte>.Shared.Rent((int)line.Length);
        line.CopyTo(copy);
        RelayCommand(copy.AsSpan(0, (int)line.Length));
        ArrayPool<byte>.Shared.Return(copy);
    }

    private void RelayCommand(ReadOnlySpan<byte> line)
    {
        var command = CommandLine.Parse(line);
        if (SmtpLines.IsAmbiguous(line))
        {
            AnswerHere(Verb.Unknown, Replies.BadSyntax, endsGroup: false);
            return;
        }

        // A blank line is no command: "lost connection after" keeps naming the one before.
        if (!command.Word.IsEmpty)
            state.After = command.Verb.Name();

        if (RefusedVerbs.ReplyTo(command) is { } refusal)
            AnswerHere(command.Verb, refusal, endsGroup: false);
        else if (command.Verb == Verb.Bdat)
            RelayChunkCommand(command);
        else
            Forward(command, line);
    }

    private void Forward(in CommandLine command, ReadOnlySpan<byte> line)
    {
        var pending = new PendingCommand { Verb = command.Verb, IsForwarded = true, EndsGroup = command.Verb.EndsGroup(), IsBlank = command.Word.IsEmpty };
        var words = command.Verb switch
        {
            Verb.Mail or Verb.Rcpt => CommandLine.AddressOf(command.Argument),
            Verb.Vrfy => command.Argument.Trim("<>"u8),
            Verb.Etrn => command.Argument,
            Verb.Helo or Verb.Ehlo => command.Argument,
            Verb.Auth => SaslMechanism.NameOf(command.Argument),
            _ => default,
        };
        if (!words.IsEmpty)
            (pending.ArgumentStart, pending.ArgumentLength) = state.Envelope.Keep(words);

        Add(pending);
        state.UpstreamSide.Write(line);
        state.UpstreamSide.Write(SmtpLines.CrLf);
    }

    private void RelayChunkCommand(in CommandLine command)
    {
        if (!state.OffersChunking)
        {
            // An MTA that does not know BDAT would take the chunk for commands; where the chunk ends is not believed either, so the session does.
            AnswerHere(Verb.Bdat, Replies.BdatNotOffered, endsGroup: true);
            return;
        }

        if (!BdatCommand.TryParse(command.Argument, out var chunk))
        {
            AnswerHere(Verb.Bdat, Replies.BdatSyntax, endsGroup: true);
            return;
        }

        Span<byte> line = stackalloc byte[24];
        Add(new() { Verb = Verb.Bdat, IsForwarded = true, EndsGroup = chunk.IsLast, IsLastChunk = chunk.IsLast });
        state.UpstreamSide.Write(line[..chunk.Format(line)]);
        state.Phase = RelayPhase.Chunk;
        state.ChunkRemaining = chunk.Size;
    }

    private void RelaySaslResponse(in ReadOnlySequence<byte> line, bool isTooLong)
    {
        state.Phase = RelayPhase.Commands;
        state.UpstreamActivity = state.Now;
        Reply? refusal = isTooLong ? Replies.SaslResponseTooLong : IsAmbiguous(line) ? Replies.BadSyntax : null;
        if (refusal is null)
        {
            state.UpstreamSide.Write(line);
        }
        else
        {
            // The exchange is cancelled at the MTA too (RFC 4954 section 4), and its reply replaced by ours.
            state.Pending.Head.OwnReply = refusal;
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

    private void AnswerHere(Verb verb, Reply reply, bool endsGroup) => Add(new() { Verb = verb, OwnReply = reply, EndsGroup = endsGroup });

    private void Add(in PendingCommand command)
    {
        if (state.Pending.Count == 0)
            state.UpstreamActivity = state.Now;
        state.Pending.Add(command);
    }
}
