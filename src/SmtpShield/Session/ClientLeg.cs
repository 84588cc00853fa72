using System.Buffers;
using System.IO.Pipelines;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>The client's end of a session: what it is told and when, and since when it owes what.</summary>
internal sealed class ClientLeg : Leg
{
    // Replies kept together for a group leave when they are as many octets as Postfix's stream buffers (VSTREAM_BUFSIZE): a group need not end.
    private const int MostHeld = 4096;

    // Without smtpd_per_request_deadline a client may be this slow, whatever smtpd_timeout is (RFC 5321 section 4.5.3.2.5: three
    // minutes for a block of content).
    private static readonly TimeSpan ShortestContentBudget = TimeSpan.FromSeconds(180);

    private static readonly TimeSpan RefusedContentSilence = TimeSpan.FromSeconds(5);

    private readonly SessionContext _context;
    private readonly SessionClock _clock;
    private readonly SessionSignal _signal;
    private ContentBudget _contentBudget;
    private ContentBudget? _shadowBudget;
    private long _refusedSince;

    /// <summary>Makes a leg.</summary>
    /// <param name="transport">The client's connection, or what is inside TLS.</param>
    /// <param name="signal">Set when it can go on.</param>
    /// <param name="context">Whose it is.</param>
    /// <param name="clock">The session's time.</param>
    public ClientLeg(IDuplexPipe transport, SessionSignal signal, SessionContext context, SessionClock clock)
        : base(signal)
    {
        (_context, _clock, _signal) = (context, clock, signal);
        Pace = new(this, context, clock);
        ActiveSince = RequestSince = clock.Now;
        Attach(transport);
    }

    /// <summary>When its replies may be written, and when they leave.</summary>
    public ReplyPace Pace { get; }

    /// <summary>When it last sent something or got a reply; a timestamp.</summary>
    public long ActiveSince { get; private set; }

    /// <summary>When its turn to send its next command began; a timestamp.</summary>
    public long RequestSince { get; private set; }

    /// <summary>When the command line that is not complete yet began; a timestamp, null when there is none.</summary>
    public long? LineSince { get; private set; }

    /// <summary>When the write that is under way began; a timestamp.</summary>
    public long FlushSince { get; private set; }

    /// <summary>When its connection turned out to be broken; a timestamp, null as long as it isn't.</summary>
    public long? GoneSince { get; private set; }

    /// <summary>When the content it owes is late; a timestamp.</summary>
    public long ContentDue => _contentBudget.Due;

    /// <summary>When a message of its that is refused is given up although its real end has not come; a timestamp.</summary>
    public long RefusalDue { get; private set; }

    /// <summary>Octets it has sent through a tunnel.</summary>
    public long Tunnelled { get; private set; }

    /// <summary>What its going is to the books.</summary>
    public SessionEndReason Departure { get; private set; } = SessionEndReason.ClientLost;

    /// <summary>Looks for what it has sent.</summary>
    public void Look()
    {
        if (Poll())
            NoteActive();
        if (!IsBroken)
            return;

        // Postfix goes on with the commands it has read until it can't send a reply (smtpd_chat.c): the MTA's replies to them are
        // still read, counted and logged.
        GoneSince ??= _clock.Now;
        if (HasLostOutput)
            StopReceiving();
    }

    /// <summary>It has sent something, or what kept it from sending is over.</summary>
    public void NoteActive() => ActiveSince = _clock.Now;

    /// <summary>It may send its next command from now on.</summary>
    public void BeginRequest() => RequestSince = _clock.Now;

    /// <summary>A line has begun and is not complete.</summary>
    public void NotePartOfLine() => LineSince ??= _clock.Now;

    /// <summary>The line is complete.</summary>
    public void NoteLine() => LineSince = null;

    /// <summary>It has got a reply. What it had begun to send could not be asked for while it waited for that.</summary>
    public void NoteReply()
    {
        NoteActive();
        if (LineSince is not null)
            LineSince = _clock.Now;
    }

    /// <summary>Content is asked for: its time is limited from here on, and grows with what comes at <c>smtpd_min_data_rate</c>.</summary>
    public void BeginContent()
    {
        var options = _context.Options.Smtpd;
        var most = options.PerRequestDeadline || options.Timeout > ShortestContentBudget ? options.Timeout : ShortestContentBudget;
        _contentBudget.Start(_clock.Now, _clock.Later(0, most), (double)_clock.Frequency / options.MinDataRate);
        _shadowBudget = _context.Shadow is { Smtpd: { } shadow } ? ShadowBudget(options, shadow) : null;
    }

    /// <summary>Whether content came so late that by the limits in shadow the session would have been over.</summary>
    public bool IsContentLateInShadow { get; private set; }

    /// <summary>Content has come.</summary>
    public void NoteContent(long octets)
    {
        _contentBudget.Add(octets, _clock.Now);
        if (_shadowBudget is not { } shadow)
            return;

        IsContentLateInShadow |= _clock.Now >= shadow.Due;
        shadow.Add(octets, _clock.Now);
        _shadowBudget = shadow;
    }

    /// <summary>A message is refused: it is read on, so that the client can read why. Silence ends the wait, and so does a client that trickles on.</summary>
    public void BeginRefusedContent()
    {
        _refusedSince = _clock.Now;
        NoteRefusedContent();
    }

    /// <summary>More of a message that is refused has come.</summary>
    public void NoteRefusedContent() =>
        RefusalDue = Math.Min(_clock.Later(_clock.Now, RefusedContentSilence), _clock.Later(_refusedSince, _context.Options.Smtpd.Timeout));

    /// <summary>Octets have gone through a tunnel.</summary>
    public void NoteTunnelled(long octets) => Tunnelled += octets;

    /// <summary>Says whether the client is kept from sending content, because the MTA does not take it.</summary>
    public void HoldContent(bool isHeld)
    {
        _contentBudget.Hold(isHeld, _clock.Now);
        if (_shadowBudget is not { } shadow)
            return;

        shadow.Hold(isHeld, _clock.Now);
        _shadowBudget = shadow;
    }

    /// <summary>Writes (a part of) a reply.</summary>
    public void Write(ReadOnlySpan<byte> octets) => WriteOctets(octets);

    /// <summary>Writes octets that are not the shield's.</summary>
    public void Write(in ReadOnlySequence<byte> octets) => WriteOctets(octets);

    /// <summary>Writes a reply of the MTA.</summary>
    public void Write(in ReplyFrame reply)
    {
        ReplyReader.CopyTo(reply, Output);
        NoteWritten();
    }

    /// <summary>Sends what was written, if it is its time. Replies to a pipelined group leave together; what the client waits for leaves at once.</summary>
    /// <param name="isAwaited">The client waits for it.</param>
    public void FlushInTime(bool isAwaited)
    {
        if (!HasUnflushed || !(Pace.MustFlush || Unflushed >= MostHeld || isAwaited))
            return;

        FlushNow();
        Pace.NoteFlushed();
    }

    /// <summary>
    /// Sends what was written. A write has its own start: what the client sends meanwhile does not prolong it, and its silence before does not shorten it.
    /// </summary>
    public void FlushNow()
    {
        if (!IsFlushing)
            FlushSince = _clock.Now;
        Flush();
    }

    /// <summary>Nothing it has sent or sends is of use any more.</summary>
    public void DropInput() => StopReceiving();

    /// <summary>It does not take what it is sent. To the books a client that takes nothing is one that is gone.</summary>
    public void GiveUp()
    {
        Departure = SessionEndReason.ClientStalled;
        Abandon();
        _signal.Set();
    }

    // Null: nothing of it is in shadow.
    private ContentBudget? ShadowBudget(SmtpdOptions enforced, SmtpdOptions shadow)
    {
        if (!shadow.PerRequestDeadline && shadow.MinDataRate == 1)
            return null;

        var most = enforced.PerRequestDeadline || shadow.PerRequestDeadline || enforced.Timeout > ShortestContentBudget
            ? enforced.Timeout : ShortestContentBudget;
        var budget = default(ContentBudget);
        budget.Start(_clock.Now, _clock.Later(0, most), (double)_clock.Frequency / Math.Max(enforced.MinDataRate, shadow.MinDataRate));
        return budget;
    }
}
