using System.Buffers;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// Client to MTA, as long as the client sends content: DATA up to its end, BDAT exactly its octets, and what is dropped of a
/// refused message. Unchanged, and never an end that the client did not send.
/// </summary>
internal sealed class ContentRelay(SmtpSession session, CommandGate gate)
{
    private EndOfDataFinder _finder;
    private CompleteLines _lines;

    /// <summary>The MTA has said 354: what follows is content.</summary>
    public void Start()
    {
        _finder = EndOfDataFinder.AtStart(IsStrict);
        session.Dialogue.Note(DialogueEvent.ContentAsked);
        session.Transaction.BeginContent();
        _lines = default;
        session.Client.BeginContent();
    }

    /// <summary>Moves as much content as is there.</summary>
    /// <returns>Whether any was moved, or the content ended.</returns>
    public bool Pump() => session.HasEnded
        ? false
        : session.Dialogue.Phase switch
        {
            DialoguePhase.Content => !session.Mta.IsFlushing && RelayContent(),
            DialoguePhase.Chunk => !session.Mta.IsFlushing && RelayChunk(),
            DialoguePhase.RefusedContent => DropContent(),
            _ => false,
        };

    private bool RelayContent()
    {
        var client = session.Client;
        if (client.Received.IsEmpty)
            return false;

        var verdict = _finder.Scan(client.Received, out var release);
        if (release > 0)
        {
            var released = client.Received.Slice(0, release);
            session.Mta.SendOctets(gate.PermitContent(), released);
            var career = session.Mta.Career;
            foreach (var segment in released)
            {
                _lines.Add(segment.Span);
                career?.NoteContent(segment.Span);
            }

            client.Take(release);
            session.Transaction.AddContent(release);
            client.NoteContent(release);
        }

        session.Transaction.NoteCompleteLines(_lines.Count(StartsWithCrLf(client.Received), session.Options.LineLengthLimit));

        switch (verdict)
        {
            case ContentVerdict.End:
                session.Dialogue.Note(DialogueEvent.ContentEnded);
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
        var client = session.Client;
        var size = Math.Min(session.Transaction.ChunkRemaining, client.Received.Length);
        if (size > 0)
        {
            if (session.Transaction.ChunkRefusal is null)
                session.Mta.SendOctets(gate.PermitContent(), client.Received.Slice(0, size));
            client.Take(size);
            session.Transaction.AddChunk(size);
            client.NoteContent(size);
            if (session.Transaction.ChunkRefusal is not null && !session.MayDrop(size))
                return EndInChunk();
        }

        if (session.Transaction.ChunkRemaining > 0)
            return size > 0;

        session.Dialogue.Note(DialogueEvent.ChunkEnded);
        if (session.Transaction.ChunkRefusal is { } refusal)
            session.Dialogue.Owe(RefusedChunk(session.Adapt(refusal)));
        else if (session.Dialogue.Newest.IsLastChunk)
            EndMessage();
        else
            session.Mta.NoteActive();
        return true;
    }

    private PendingCommand RefusedChunk(Reply refusal)
    {
        var chunk = new PendingCommand { Verb = Verb.Bdat };
        return session.Transaction.IsChunkRefusalMtas ? chunk.AnsweredForMta(refusal) : chunk.AnsweredWith(refusal);
    }

    // The replies to the commands before it come first.
    private bool EndInChunk()
    {
        session.Dialogue.Note(DialogueEvent.ChunkEnded);
        var reply = session.Adapt(Replies.TooMuchRefusedInput(session.Options.MyHostname));
        session.Dialogue.Owe(new PendingCommand { Verb = Verb.Bdat, EndsGroup = true, EndsSession = true }.AnsweredWith(reply));
        return true;
    }

    private void EndMessage()
    {
        session.Dialogue.AwaitMessageReply();
        session.Mta.HoldMessageEnd();
    }

    // The MTA must discard the message, so it gets no more of it and its connection is dropped without an end; the client is read
    // on so that it can read the 521.
    private void Refuse()
    {
        session.Dialogue.Note(DialogueEvent.ContentAmbiguous);
        _finder = default;
        session.Client.Take(1);
        session.Client.BeginRefusedContent();
        var envelope = session.Transaction.Describe();
        if (IsStrict)
            RelayLog.Rejected(session.Log, Dialogue.AfterMessage, session.Identity.NameAddress, "bare <LF> received", envelope);
        else
            RelayLog.AmbiguousEndOfData(session.Log, session.Identity.NameAddress, envelope);
    }

    private bool DropContent()
    {
        var client = session.Client;
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
            session.Context.Drop(step);
            moved = true;
        }

        if (moved)
            client.NoteRefusedContent();
        if (client.IsReceiveEnded || session.Clock.Now >= client.RefusalDue || !session.Context.HasDropRoom)
        {
            End();
            return true;
        }

        return moved;
    }

    private bool IsStrict => session.Options.ForbidBareNewline is BareNewlinePolicy.Reject;

    private void End() => session.End(SessionEndReason.ClientRefused, Replies.AmbiguousEndOfData(session.Options.MyHostname));
}
