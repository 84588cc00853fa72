using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using SmtpShield.Transport;

// Awaiters are kept in fields on purpose: this type is what awaits them, once each, when the session's loop comes by.
#pragma warning disable CA2012

namespace SmtpShield.Session;

/// <summary>
/// One end of a session, used without waiting: what has been received is looked at and taken, what is written is flushed, and the
/// session's signal is set when either can go on. Without a connection nothing is received, and nothing may be written. Bounded by the transport's pipes (64
/// KiB received, nothing written that the kernel has not taken).
/// </summary>
/// <param name="signal">Set when it can go on.</param>
internal abstract class Leg(SessionSignal signal)
{
    private PipeReader? _input;
    private PipeWriter? _output;
    private ISocketLook? _receiveLook;
    private ISocketLook? _sendLook;
    private ConfiguredValueTaskAwaitable<ReadResult>.ConfiguredValueTaskAwaiter _read;
    private ConfiguredValueTaskAwaitable<FlushResult>.ConfiguredValueTaskAwaiter _flush;
    private ReadOnlySequence<byte> _received;
    private bool _isReading;
    private bool _isOpen;
    private bool _hasUnflushed;
    private long _leftOver;
    private DiscardedOutput? _discarded;

    /// <summary>Received and not yet taken; empty while a read is under way.</summary>
    public ref readonly ReadOnlySequence<byte> Received => ref _received;

    /// <summary>Octets received and not yet taken, whether they can be looked at now or not.</summary>
    public long Buffered => _isOpen ? _received.Length : _leftOver;

    /// <summary>The peer has sent its last byte, or the connection broke: nothing follows <see cref="Received"/>.</summary>
    public bool IsReceiveEnded { get; private set; }

    /// <summary>The connection broke: nothing can be sent any more, and what is written is discarded.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Something that was to be flushed could not be sent.</summary>
    public bool HasLostOutput { get; private set; }

    /// <summary>A flush waits for the peer to take what was written. Nothing more may be written until it is over.</summary>
    public bool IsFlushing { get; private set; }

    /// <summary>
    /// What is waited for has come: the signal is on its way. Looks at the socket itself, because <see cref="Poll"/> only sees what the system's
    /// thread for sockets has told already.
    /// </summary>
    public bool HasNews => HasArrived || (IsFlushing && (_sendLook is { IsReady: true } || _flush.IsCompleted));

    /// <summary>A read is under way: what arrives is told by the signal.</summary>
    public bool IsReading => _isReading;

    /// <summary>Octets, the peer's end or a failure are there for a read. Exact only while none is under way: one that is may just have taken them.</summary>
    public bool IsReadable => !IsReceiveEnded && _receiveLook is { IsReady: true };

    /// <summary>The peer has sent something that was not taken yet, wherever it stands.</summary>
    public bool HasTalked => !_received.IsEmpty || HasArrived;

    // The socket first: what is no longer there has completed the read. What is received no more does not count, or a session would wait for it for ever.
    private bool HasArrived => _isReading && !IsReceiveEnded && (_receiveLook is { IsReady: true } || _read.IsCompleted);

    /// <summary>Where bytes for the peer are written; <see cref="NoteWritten"/> behind it.</summary>
    protected IBufferWriter<byte> Output => IsBroken ? _discarded ??= new() : Connected(_output);

    /// <summary>Bytes are written and not yet flushed.</summary>
    public bool HasUnflushed => _hasUnflushed;

    /// <summary>Octets written and not yet flushed.</summary>
    public long Unflushed => IsBroken ? _discarded?.Length ?? 0 : _output?.UnflushedBytes ?? 0;

    /// <summary>Goes on with a connection.</summary>
    protected void Attach(IDuplexPipe transport)
    {
        (_input, _output) = (transport.Input, transport.Output);
        (_receiveLook, _sendLook) = (transport.Input as ISocketLook, transport.Output as ISocketLook);
    }

    /// <summary>Goes on without a connection, behind <see cref="Detach"/>.</summary>
    protected void Reset()
    {
        (_input, _output, _receiveLook, _sendLook) = (null, null, null, null);
        (_received, _isReading, _isOpen, _hasUnflushed, _leftOver) = (default, false, false, false, 0);
        IsReceiveEnded = IsBroken = HasLostOutput = IsFlushing = false;
    }

    /// <summary>Looks for new bytes and finished flushes.</summary>
    /// <returns>Whether bytes, an end, or room to write have appeared.</returns>
    public bool Poll()
    {
        var isNew = PollFlush();
        if (_isOpen || IsReceiveEnded || _input is null)
            return isNew;

        try
        {
            ReadResult result;
            if (_isReading)
            {
                if (!_read.IsCompleted)
                    return isNew;
                _isReading = false;
                result = _read.GetResult();
            }
            else if (!_input.TryRead(out result))
            {
                return isNew;
            }

            _received = result.Buffer;
            _isOpen = true;
            if (result.IsCompleted || result.IsCanceled)
                IsReceiveEnded = true;
            return isNew || IsReceiveEnded || _received.Length > _leftOver;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Break();
            return true;
        }
    }

    /// <summary>Takes bytes from the front of <see cref="Received"/>.</summary>
    public void Take(SequencePosition end) => _received = _received.Slice(end);

    /// <summary>Takes bytes from the front of <see cref="Received"/>.</summary>
    public void Take(long count) => _received = _received.Slice(count);

    /// <summary>Writes bytes for the peer; they leave with the next <see cref="Flush"/>.</summary>
    protected void WriteOctets(ReadOnlySpan<byte> octets)
    {
        Output.Write(octets);
        _hasUnflushed = true;
    }

    /// <summary>Writes bytes for the peer; they leave with the next <see cref="Flush"/>.</summary>
    protected void WriteOctets(in ReadOnlySequence<byte> octets)
    {
        foreach (var segment in octets)
            Output.Write(segment.Span);
        _hasUnflushed = true;
    }

    /// <summary>Notes that something was written to <see cref="Output"/> directly.</summary>
    protected void NoteWritten() => _hasUnflushed = true;

    /// <summary>
    /// Sends what was written. Sets the signal when the peer has taken it, if that is not at once, or when the connection turns out to be broken.
    /// </summary>
    public void Flush()
    {
        if (!_hasUnflushed || IsFlushing)
            return;

        _hasUnflushed = false;
        if (IsBroken)
        {
            HasLostOutput = true;
            return;
        }

        try
        {
            _flush = Connected(_output).FlushAsync().ConfigureAwait(false).GetAwaiter();
            IsFlushing = true;
            if (!_flush.IsCompleted)
            {
                _flush.UnsafeOnCompleted(signal.Set);
                return;
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Break();
        }

        PollFlush();

        // The loop has looked already; without a read under way nothing else would make it look again.
        if (IsBroken)
            signal.Set();
    }

    /// <summary>Gives taken bytes back and, if the session can go on with more of them, waits for them.</summary>
    /// <param name="wantsMore">False while the session can't use more, so that the peer is held back by flow control.</param>
    /// <returns>Whether more has already arrived.</returns>
    public bool Read(bool wantsMore)
    {
        if (_isOpen)
        {
            _isOpen = false;
            if (IsReceiveEnded)
            {
                // The last bytes stay readable without the pipe; nothing will be added to them.
                _isOpen = !_received.IsEmpty;
                if (!_isOpen)
                    GiveBack();
                return false;
            }

            _leftOver = _received.Length;
            Connected(_input).AdvanceTo(_received.Start, wantsMore ? _received.End : _received.Start);
            _received = default;
        }

        if (!wantsMore || _isReading || IsReceiveEnded || _input is null)
            return false;

        try
        {
            _read = _input.ReadAsync().ConfigureAwait(false).GetAwaiter();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Break();
            return true;
        }

        _isReading = true;
        if (_read.IsCompleted)
            return true;

        _read.UnsafeOnCompleted(signal.Set);
        return false;
    }

    /// <summary>The peer does not take what is sent to it and is waited for no longer: to the session it is gone.</summary>
    protected void Abandon() => (IsFlushing, IsBroken, HasLostOutput) = (false, true, true);

    /// <summary>Nothing is received any more; what was not taken is dropped.</summary>
    protected void StopReceiving()
    {
        _received = _received.Slice(_received.End);
        IsReceiveEnded = true;
    }

    /// <summary>
    /// Gives the transport back: no read is under way any more, and what was not taken can be read on by others. Nothing of it is looked at here from now on:
    /// its buffers may be another session's. A second call does nothing.
    /// </summary>
    /// <returns>Whether the read that was under way has ended; else only the transport's end ends it, and nobody else may read.</returns>
    public bool Detach()
    {
        if (_isReading)
        {
            Connected(_input).CancelPendingRead();
            EndRead();
        }

        if (_isOpen)
            Connected(_input).AdvanceTo(_received.Start);
        var hasEnded = !_isReading;
        (_input, _output, _receiveLook, _sendLook) = (null, null, null, null);
        (_received, _isReading, _isOpen) = (default, false, false);
        return hasEnded;
    }

    private void EndRead()
    {
        if (!_read.IsCompleted)
            return;

        _isReading = false;
        try
        {
            var input = Connected(_input);
            var result = _read.GetResult();
            input.AdvanceTo(result.Buffer.Start);

            // Something had come already: it is the next read that was cancelled, and that one is not ours.
            if (!result.IsCanceled && input.TryRead(out result))
                input.AdvanceTo(result.Buffer.Start);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Break();
        }
    }

    private bool PollFlush()
    {
        if (!IsFlushing || !_flush.IsCompleted)
            return false;

        IsFlushing = false;
        try
        {
            if (_flush.GetResult() is { IsCompleted: true } or { IsCanceled: true })
                IsBroken = HasLostOutput = true;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            Break();
        }

        return true;
    }

    private void GiveBack()
    {
        Connected(_input).AdvanceTo(_received.End);
        _received = default;
        _leftOver = 0;
    }

    private static T Connected<T>(T? end) where T : class => end ?? throw new InvalidOperationException("There is no connection.");

    private void Break()
    {
        _received = default;
        _isOpen = false;
        IsReceiveEnded = true;
        IsBroken = true;
    }
}
