using System.Buffers;
using System.Runtime.CompilerServices;
using SmtpShield.Mta;
using SmtpShield.Protocol;

// The dial's awaiter is kept in a field on purpose: this type is what awaits it, once, when the session's loop comes by.
#pragma warning disable CA2012

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
    private ConfiguredValueTaskAwaitable<UpstreamDialResult>.ConfiguredValueTaskAwaiter _dial;
    private CancellationTokenSource? _dialEnds;
    private UpstreamConnection? _connection;

    /// <summary>What there is.</summary>
    public MtaLegState State { get; private set; }

    /// <summary>What the MTA has promised.</summary>
    public MtaProfile Profile { get; private set; }

    /// <summary>The destination as configured, <c>host:port</c>; empty before there is one.</summary>
    public string Destination => _connection?.Destination ?? "";

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

    /// <summary>Begins to dial. The signal is set when that is over.</summary>
    public void Dial()
    {
        State = MtaLegState.Dialing;
        _dialEnds = new();
        _dial = dialer.DialAsync(_dialEnds.Token).ConfigureAwait(false).GetAwaiter();
        if (!_dial.IsCompleted)
            _dial.UnsafeOnCompleted(_signal.Set);
    }

    /// <summary>Gives a dial up; it is over soon.</summary>
    public void GiveUpDial() => _dialEnds?.Cancel();

    /// <summary>Whether the dial is over; goes on with its connection then.</summary>
    /// <param name="result">What came of it; null: it was given up.</param>
    public bool TryFinishDial(out UpstreamDialResult? result)
    {
        result = null;
        if (State != MtaLegState.Dialing || !_dial.IsCompleted)
            return false;

        State = MtaLegState.Gone;
        try
        {
            result = _dial.GetResult();
        }
        catch (OperationCanceledException) when (_dialEnds is { IsCancellationRequested: true })
        {
            // Given up: there is nothing.
        }
        finally
        {
            _dialEnds?.Dispose();
            _dialEnds = null;
        }

        if (result is { Connection: { } connection })
        {
            _connection = connection;
            State = MtaLegState.Ready;
            Attach(connection.Transport);
            NoteActive();
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

    /// <summary>The MTA has answered EHLO.</summary>
    /// <param name="offersChunking">It offers CHUNKING, and the client hears of it.</param>
    /// <param name="omitsEnhancedCodes">It does not offer ENHANCEDSTATUSCODES.</param>
    public void NoteEhlo(bool offersChunking, bool omitsEnhancedCodes) =>
        Profile = Profile with { OffersChunking = offersChunking, OmitsEnhancedCodes = omitsEnhancedCodes };

    /// <summary>A reply of its, or one in its place, was relayed.</summary>
    public void NoteReply(int code, bool isSynchronizationError) => HasSaidFarewell = code is 221 or 421 or 521 || isSynchronizationError;

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
    public void Send(Permit permit, ReadOnlySpan<byte> line)
    {
        permit.Demand();
        WriteOctets(line);
        WriteOctets(SmtpLines.CrLf);
    }

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

    /// <summary>Says QUIT to an MTA whose session is over; its reply is not waited for.</summary>
    public ValueTask QuitAsync()
    {
        if (State != MtaLegState.Ready)
            return ValueTask.CompletedTask;

        State = MtaLegState.Draining;
        return _connection!.QuitAsync();
    }

    /// <summary>Closes the connection, behind what was flushed.</summary>
    public ValueTask DisposeAsync()
    {
        State = MtaLegState.Gone;
        return _connection?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
