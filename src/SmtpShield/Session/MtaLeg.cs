using System.Buffers;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Mta.Reuse;
using SmtpShield.Mta.Slots;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// The MTA's end of a session, or none yet: what it has promised, and since when it owes a reply. <see cref="Send(Permit, ReadOnlySpan{byte})"/> and its like
/// are the only way for a client's octets to the MTA, and what they ask for only <see cref="CommandGate"/> makes.
/// </summary>
/// <param name="dialer">Makes the connection.</param>
/// <param name="signal">Set when it can go on.</param>
/// <param name="clock">The session's time.</param>
internal sealed class MtaLeg(IMtaDialer dialer, SessionSignal signal, SessionClock clock) : Leg(signal), IAsyncDisposable
{
    private readonly SessionSignal _signal = signal;
    private MtaDial? _dial;
    private UpstreamConnection? _connection;
    private byte[]? _held;

    /// <summary>What there is.</summary>
    public MtaLegState State { get; private set; }

    /// <summary>What the MTA has promised.</summary>
    public MtaProfile Profile { get; private set; }

    /// <summary>The destination as configured, <c>host:port</c>; empty before there is one.</summary>
    public string Destination => _connection?.Destination ?? "";

    /// <summary>Whether it was taken out by hand: what can do without it leaves it.</summary>
    public bool IsDrained => _connection?.IsDrained ?? false;

    /// <summary>When it last sent something or got something to answer; a timestamp.</summary>
    public long OwesSince { get; private set; } = clock.Now;

    /// <summary>
    /// The end of mail data (or the last octets of the last chunk) is written and not yet on its way: a reply that is there now was
    /// given before the message was whole.
    /// </summary>
    public bool HoldsMessageEnd { get; private set; }

    /// <summary>
    /// Its last reply said that it closes: 221, 421, 521 or what Postfix says to a client that talks out of turn. A close behind it is no loss.
    /// </summary>
    public bool HasSaidFarewell { get; private set; }

    /// <summary>
    /// A command waits for a session with the MTA, and what the client has sent behind it waits with it: what comes of the MTA meanwhile answers nothing of
    /// the client's.
    /// </summary>
    public bool HoldsCommand => _held is not null;

    /// <summary>Since when the MTA is told again what it, or another one, was told before; a timestamp, null while it isn't.</summary>
    public long? ReplayingSince { get; private set; }

    /// <summary>The command that waited was sent, alone, to an MTA of which it is not known whether it still serves the session.</summary>
    public bool TriesHeld { get; private set; }

    /// <summary>See <see cref="UpstreamConnection.IsUntried"/>.</summary>
    public bool IsUntried => _connection is { IsUntried: true };

    /// <summary>Whether the session with the MTA may go on with another client; null: not with any.</summary>
    public ReuseCareer? Career => _connection?.Reuse?.Career;

    /// <summary>The reply to the client's HELO or EHLO, which it was told while it was dialed; null: it was told none.</summary>
    public UpstreamReply? HelloReply => _connection?.HelloReply;

    /// <summary>When the client last said something that needs the MTA, or was answered it; a timestamp.</summary>
    public long NeededAt { get; private set; } = clock.Now;

    /// <summary>The client has said something that needs the MTA, or has its answer.</summary>
    public void NoteNeeded() => NeededAt = clock.Now;

    /// <summary>It has refused something in this session: that it closes may be because of that.</summary>
    public bool HasRefused { get; private set; }

    /// <summary>Where the session says how it stands, for those who wait for one; null while there is none with the MTA.</summary>
    public Slot? Slot => _connection?.Slot;

    /// <summary>Begins to dial. The signal is set when that is over.</summary>
    public void Dial() => Dial(default, mayReuse: false);

    /// <summary>The same, for a client that has been answered in the MTA's place.</summary>
    /// <param name="permit">That what it has said may be said again.</param>
    /// <param name="hello">The HELO or EHLO line it was last answered with success, without its end; empty: none.</param>
    /// <param name="mayReuse">Whether another client's session with the MTA may go on with this one.</param>
    public void Dial(Permit permit, ReadOnlySpan<byte> hello, bool mayReuse)
    {
        permit.Demand();
        Dial(hello.ToArray(), mayReuse);
    }

    /// <summary>Waits no longer for a session at the MTA to be free. A connection that is being made goes on.</summary>
    public void LeaveQueue() => _dial?.LeaveQueue();

    /// <summary>Gives a dial up; it is over soon.</summary>
    public void GiveUpDial() => _dial?.GiveUp();

    /// <summary>Whether the dial is over; goes on with its connection then.</summary>
    /// <param name="result">What came of it; null: it was given up.</param>
    public bool TryFinishDial(out UpstreamDialResult? result)
    {
        result = null;
        if (_dial is not { IsOver: true } dial)
            return false;

        _dial = null;
        State = MtaLegState.Gone;
        result = dial.TakeResult();
        if (result is { Connection: { } connection })
        {
            _connection = connection;
            State = MtaLegState.Ready;
            HasRefused = false;
            Attach(connection.Transport);
            NoteActive();
            NoteNeeded();
        }

        return true;
    }

    /// <summary>The MTA's greeting. Only with a connection.</summary>
    /// <param name="octets">All its lines.</param>
    /// <returns>Its code.</returns>
    public int Greeting(out ReadOnlySpan<byte> octets)
    {
        octets = _connection!.Greeting.Span;
        var code = _connection.GreetingCode;
        NoteReply(code, isSynchronizationError: false);
        Profile = Profile with { DeniesAccess = code >= 500 };
        return code;
    }

    /// <summary>The client is spoken to in the MTA's place.</summary>
    /// <param name="offer">What the MTA is known to offer.</param>
    public void Promise(EhloOffer offer) => Profile = Profile with { Offer = offer, OmitsEnhancedCodes = !offer.Offers("ENHANCEDSTATUSCODES") };

    /// <summary>EHLO was answered.</summary>
    /// <param name="offer">What the MTA offers.</param>
    /// <param name="offersChunking">CHUNKING, and the client hears of it.</param>
    public void NoteEhlo(EhloOffer offer, bool offersChunking)
    {
        Promise(offer);
        Profile = Profile with { OffersChunking = offersChunking, IsLockStep = false };
    }

    /// <summary>The MTA lacks PIPELINING, and the client was told otherwise: one command at a time from here on.</summary>
    public void NoteLockStep() => Profile = Profile with { IsLockStep = true };

    /// <summary>A reply of its, or one in its place, was relayed.</summary>
    public void NoteReply(int code, bool isSynchronizationError)
    {
        HasSaidFarewell = code is 221 or 421 or 521 || isSynchronizationError;
        HasRefused |= code >= 400;
    }

    /// <summary>See <see cref="UpstreamConnection.NoteAnswered(MtaWork, TimeSpan)"/>.</summary>
    public void NoteAnswered(MtaWork work, TimeSpan took) => _connection!.NoteAnswered(work, took);

    /// <summary>See <see cref="UpstreamConnection.NoteAnswered(ReplyPhase, TimeSpan)"/>.</summary>
    public void NoteAnswered(ReplyPhase phase, TimeSpan took) => _connection!.NoteAnswered(phase, took);

    /// <summary>See <see cref="UpstreamConnection.NoteReply"/>.</summary>
    public void NoteOfSystem(bool isOfSystem) => _connection!.NoteReply(isOfSystem);

    /// <summary>Looks for what it has sent.</summary>
    /// <returns>Whether anything has come, or there is room again.</returns>
    public bool Look()
    {
        if (!Poll())
            return false;
        NoteActive();
        return true;
    }

    /// <summary>It has sent something, or owes a reply from now on.</summary>
    public void NoteActive() => OwesSince = clock.Now;

    /// <summary>Sends a line, and its end.</summary>
    /// <param name="permit">That it may be sent.</param>
    /// <param name="line">The line, without its end.</param>
    /// <remarks>Without a session with the MTA the line is held, and nothing more can be sent before <see cref="SendHeld"/>.</remarks>
    public void Send(Permit permit, ReadOnlySpan<byte> line)
    {
        permit.Demand();
        if (State != MtaLegState.Ready)
        {
            _held = line.ToArray();
            return;
        }

        WriteLine(line);
    }

    /// <summary>Says a line again that another session with the MTA was told.</summary>
    /// <param name="permit">That it may be sent.</param>
    /// <param name="line">The line, without its end.</param>
    public void Replay(Permit permit, ReadOnlySpan<byte> line)
    {
        permit.Demand();
        WriteLine(line);
        NoteActive();
        ReplayingSince = OwesSince;
    }

    /// <summary>Sends the command that waited for a session.</summary>
    public void SendHeld()
    {
        WriteLine(_held);
        NoteActive();
        DropHeld();
    }

    /// <summary>Sends the command that waited for a session, and keeps it: if the MTA has gone, another one is told.</summary>
    public void TryHeld()
    {
        WriteLine(_held);
        NoteActive();
        TriesHeld = true;
    }

    /// <summary>The command that waited for a session is not sent: the client has its reply.</summary>
    public void DropHeld() => (_held, ReplayingSince, TriesHeld) = (null, null, false);

    /// <summary>Sends a line, and its end.</summary>
    /// <param name="permit">That it may be sent.</param>
    /// <param name="line">The line, without its end.</param>
    public void Send(Permit permit, in ReadOnlySequence<byte> line)
    {
        permit.Demand();
        WriteOctets(line);
        WriteOctets(SmtpLines.CrLf);
    }

    /// <summary>Sends octets as they are: content, a chunk, what is inside TLS.</summary>
    /// <param name="permit">That they may be sent.</param>
    /// <param name="octets">The octets.</param>
    public void SendOctets(Permit permit, in ReadOnlySequence<byte> octets)
    {
        permit.Demand();
        WriteOctets(octets);
    }

    /// <summary>What is written ends a message.</summary>
    public void HoldMessageEnd()
    {
        HoldsMessageEnd = true;
        NoteActive();
    }

    /// <summary>Sends what was written.</summary>
    /// <param name="isContent">It is content, which may come long after the MTA was last heard of: its time to take it starts when it is sent. (Commands have
    /// theirs from the first one without a reply.)</param>
    public void FlushInTime(bool isContent)
    {
        // What an MTA has said before it could have the whole message is no acknowledgement, so it must be looked at before the rest leaves.
        if (HoldsMessageEnd && HasTalked)
            return;

        HoldsMessageEnd = false;
        if (HasUnflushed && !IsFlushing && isContent)
            NoteActive();
        Flush();
    }

    /// <summary>Says QUIT to an MTA whose session is over. What comes of it is nobody's, and nobody waits for it.</summary>
    public void Quit()
    {
        State = MtaLegState.Draining;
        Detach();
        _connection!.Quit();
    }

    /// <summary>
    /// Gives the session with the MTA back while the client's goes on: to another client, or with QUIT, and what comes of it is nobody's. The client is
    /// answered in the MTA's place from here on, until another command needs one. Only while neither side owes anything.
    /// </summary>
    public void Release()
    {
        State = MtaLegState.Draining;
        // What has come that nobody has asked for is a sign that the MTA has been told more than the shield knows.
        var hasTalked = Buffered > 0 || IsReadable || IsReceiveEnded;
        if (!Detach() || hasTalked || IsBroken)
            _connection!.Quit();
        else
            _connection!.Release();
        Forget();
    }

    /// <summary>The MTA has ended its session, and the client's goes on without one, as behind <see cref="Release"/>.</summary>
    public void Lose()
    {
        Detach();
        _connection!.Close();
        Forget();
    }

    /// <summary>There is no room at the MTA now; another time there may be.</summary>
    public void Forgo() => State = MtaLegState.None;

    /// <summary>Closes the connection, behind what was flushed. A dial under way is left to itself for a while.</summary>
    public ValueTask DisposeAsync()
    {
        State = MtaLegState.Gone;
        _dial?.Abandon();
        _dial = null;
        _connection?.Close();
        return ValueTask.CompletedTask;
    }

    private void WriteLine(ReadOnlySpan<byte> line)
    {
        WriteOctets(line);
        WriteOctets(SmtpLines.CrLf);
    }

    private void Forget()
    {
        _connection = null;
        Reset();
        State = MtaLegState.None;
        HasSaidFarewell = TriesHeld = false;
    }

    private void Dial(ReadOnlyMemory<byte> hello, bool mayReuse)
    {
        State = MtaLegState.Dialing;
        _dial = new(dialer, hello, mayReuse, _signal, clock);
    }
}
