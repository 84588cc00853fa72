using System.Buffers;
using SmtpShield.Configuration;
using SmtpShield.Protocol;

namespace SmtpShield.Relay;

/// <summary>
/// Client to MTA, as long as the client sends content: DATA up to its end, BDAT exactly its octets, and what is dropped of a refused message. Unchanged, and never
/// an end that the client did not send.
/// </summary>
internal sealed class ContentRelay(RelayState state)
{
    private static readonly TimeSpan RefusedContentSilence = TimeSpan.FromSeconds(5);

    private EndOfDataFinder _finder;
    private CompleteLines _lines;
    private long _refusedAt;

    /// <summary>When a refused message is given up although its real end has not come; a timestamp, or 0.</summary>
    public long RefusalDue { get; private set; }

    /// <summary>The MTA has said 354: what follows is content.</summary>
    public void Start()
    {
        _finder = EndOfDataFinder.AtStart(IsStrict);
        state.Phase = RelayPhase.Content;
        state.ContentLength = state.CompleteLines = 0;
        _lines = default;
        state.StartContentBudget();
    }

    /// <summary>Moves as much content as is there.</summary>
    /// <returns>Whether any was moved, or the content ended.</returns>
    public bool Pump() => state.HasEnded
        ? false
        : state.Phase switch
        {
            RelayPhase.Content => !state.UpstreamSide.IsFlushing && RelayContent(),
            RelayPhase.Chunk => !state.UpstreamSide.IsFlushing && RelayChunk(),
            RelayPhase.RefusedContent => DropContent(),
            _ => false,
        };

    private bool RelayContent()
    {
        var client = state.ClientSide;
        if (client.Received.IsEmpty)
            return false;

        var verdict = _finder.Scan(client.Received, out var release);
        if (release > 0)
        {
            var released = client.Received.Slice(0, release);
            state.UpstreamSide.Write(released);
            foreach (var segment in released)
                _lines.Add(segment.Span);
            client.Take(release);
            Note(release);
        }

        state.CompleteLines = _lines.Count(StartsWithCrLf(client.Received), state.Options.LineLengthLimit);

        switch (verdict)
        {
            case ContentVerdict.End:
                state.Phase = RelayPhase.Commands;
                EndMessage();
                break;
            case ContentVerdict.Ambiguous:
                Refuse();
                return true;
        }

        return release > 0;
    }

    private static bool StartsWithCrLf(in ReadOnlySequence<byte> held)
    {
        var reader = new SequenceReader<byte>(held);
        return reader.IsNext("\r\n"u8);
    }

    private bool RelayChunk()
    {
        var client = state.ClientSide;
        var size = Math.Min(state.ChunkRemaining, client.Received.Length);
        if (size > 0)
        {
            if (state.ChunkRefusal is null)
                state.UpstreamSide.Write(client.Received.Slice(0, size));
            client.Take(size);
            state.ChunkRemaining -= size;
            Note(size);
            if (state.ChunkRefusal is not null && !state.MayDrop(size))
                return EndInChunk();
        }

        if (state.ChunkRemaining > 0)
            return size > 0;

        state.Phase = RelayPhase.Commands;
        if (state.ChunkRefusal is { } refusal)
            state.Pending.Add(new() { Verb = Verb.Bdat, OwnReply = state.Adapt(refusal) });
        else if (state.Pending.Last.IsLastChunk)
            EndMessage();
        else
            state.UpstreamActivity = state.Now;
        return true;
    }

    // The replies to the commands before it come first.
    private bool EndInChunk()
    {
        state.Phase = RelayPhase.Commands;
        var reply = state.Adapt(Replies.TooMuchRefusedInput(state.Options.MyHostname));
        state.Pending.Add(new() { Verb = Verb.Bdat, OwnReply = reply, EndsGroup = true, EndsSession = true });
        return true;
    }

    private void EndMessage()
    {
        state.After = RelayState.AfterMessage;
        state.AwaitsMessageReply = true;
        state.HoldsMessageEnd = true;
        state.UpstreamActivity = state.Now;
    }

    // The MTA must discard the message, so it gets no more of it and its connection is dropped without an end; the client is read on so that it can read the 521.
    private void Refuse()
    {
        state.Phase = RelayPhase.RefusedContent;
        _finder = default;
        state.ClientSide.Take(1);
        _refusedAt = state.Now;
        Postpone();
        var envelope = state.Envelope.Describe(state.Envelope.Sender, state.Envelope.FirstRecipient, state.Envelope.HasSender);
        if (IsStrict)
            RelayLog.Rejected(state.Log, RelayState.AfterMessage, state.Client.NameAddress, "bare <LF> received", envelope);
        else
            RelayLog.AmbiguousEndOfData(state.Log, state.Client.NameAddress, envelope);
    }

    private bool DropContent()
    {
        var client = state.ClientSide;
        var moved = false;
        while (!client.Received.IsEmpty)
        {
            var verdict = _finder.Scan(client.Received, out var release);
            if (verdict == ContentVerdict.End)
            {
                client.Take(release);
                End();
                return true;
            }

            // Held octets stay; an ambiguous one is stepped over, and the search goes on behind it.
            var step = verdict == ContentVerdict.Ambiguous ? release + 1 : release;
            if (step == 0)
                break;
            client.Take(step);
            state.Session.RefusedInput += step;
            moved = true;
        }

        if (moved)
            Postpone();
        if (client.IsReceiveEnded || state.Now >= RefusalDue || state.Session.RefusedInput > ProtocolLimits.RefusedContent)
        {
            End();
            return true;
        }

        return moved;
    }

    private bool IsStrict => state.Options.ForbidBareNewline is BareNewlinePolicy.Reject;

    private void Note(long octets)
    {
        state.ContentLength += octets;
        state.ContentBudget.Add(octets, state.Now);
    }

    // Silence ends the wait, and so does a client that trickles on.
    private void Postpone() => RefusalDue = Math.Min(state.Later(state.Now, RefusedContentSilence), state.Later(_refusedAt, state.Options.Timeout));

    private void End() => state.End(RelayResult.ClientRefused, Replies.AmbiguousEndOfData(state.Options.MyHostname));
}
