using System.Buffers;
using System.Net;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>
/// One connection's access to the counts of its client; there is none for clients in <c>smtpd_client_event_limit_exceptions</c>.
/// Counts the connection until it is disposed.
/// </summary>
/// <remarks>Used by one session, so by one thread at a time.</remarks>
/// <param name="anvil">Where it is counted.</param>
/// <param name="key">As whom it is counted.</param>
/// <param name="address">Its address; null: the first one of its range.</param>
internal sealed class ClientCounter(AnvilTable anvil, AnvilKey key, IPAddress? address = null) : IDisposable
{
    private ClientInFlight? _inFlight;
    private Func<int>? _authFailures;
    private Func<int>? _errors;
    private Action? _wake;
    private bool _isTracked;
    private bool _isLoggingIn;
    private bool _hasPlace;
    private int _commands;
    private int _connectedAt;
    private int _open;
    private int? _mostErrors;

    /// <summary>Whose counts they are.</summary>
    public AnvilKey Key => key;

    /// <summary>The service's name, as in <c>for service smtp</c>.</summary>
    public string Service => key.Service;

    /// <summary>Counts the connection, once: not again if an event has done so before. Not called at all as long as no limit is set.</summary>
    /// <returns>The client's counts, this connection included.</returns>
    public AnvilCounts Connect() => _isTracked ? anvil.Peek(key) : Connected(anvil.Connect(key));

    /// <inheritdoc cref="Connect()"/>
    /// <param name="wait">What it is to wait for, if other shields are to be heard first; null: nothing.</param>
    public AnvilCounts Connect(out SharedWait? wait)
    {
        wait = null;
        return _isTracked ? anvil.Peek(key) : Connected(anvil.Connect(key, out wait));
    }

    /// <summary>Counts an event. A connection that could not be counted yet, because the table was full or no limit was set, is counted first.</summary>
    /// <returns>The client's events of this kind in the current window, this one included.</returns>
    public int Count(AnvilEvent kind) => _isTracked || !Connect().IsUntracked ? anvil.Count(key, kind) : 1;

    /// <summary>Counts an event that a limit is on.</summary>
    /// <returns>What <see cref="ClientLimit.Judge(int, SmtpdLimitOptions)"/> compares.</returns>
    public int Count(ClientLimit limit) => Count(EventOf(limit));

    /// <inheritdoc cref="Count(ClientLimit)"/>
    /// <param name="limit">The limit.</param>
    /// <param name="wait">What it is to wait for, if other shields are to be heard first; null: nothing.</param>
    public int Count(ClientLimit limit, out SharedWait? wait)
    {
        wait = null;
        return _isTracked || !Connect().IsUntracked ? anvil.Count(key, EventOf(limit), out wait) : 1;
    }

    /// <summary>The client's events of a kind in the current window; counts nothing.</summary>
    public int Peek(AnvilEvent kind) => anvil.Peek(key).Of(kind);

    /// <summary>All the client's counts; counts nothing.</summary>
    public AnvilCounts Peek() => anvil.Peek(key);

    /// <summary>The MTA has accepted a message of the client.</summary>
    public void NoteDelivered() => anvil.Deliveries.Note(key.Client, address ?? key.Client.Address);

    /// <summary>Commands all sessions of the client have with the MTA.</summary>
    public int CommandsInFlight => InFlight.Commands;

    /// <summary>
    /// Asks whether the MTA may get a command more of this session. It has its place from then on, one until <see cref="NoteCommands"/> says what the MTA has.
    /// </summary>
    /// <param name="limit">Errors a window may have.</param>
    /// <returns>Whether it may; not, while those that all sessions of the client have there may use the budget up.</returns>
    public bool TryAddCommand(int limit)
    {
        if (_hasPlace)
            return true;

        _hasPlace = InFlight.TryAddCommand(_errors ??= () => Peek(AnvilEvent.Error), limit);
        if (_hasPlace)
            _commands++;
        return _hasPlace;
    }

    /// <summary>Says how many commands this session has with the MTA now.</summary>
    public void NoteCommands(int count)
    {
        _hasPlace = false;
        if (count == _commands)
            return;

        InFlight.AddCommands(count - _commands);
        _commands = count;
    }

    /// <summary>Asks whether a login may go to the MTA: not while those it is working on, in any session of the client, may use the budget up.</summary>
    /// <param name="limit">Refused logins a window may have; the one above it is still let through, and ends it.</param>
    /// <param name="wake">Called once, on another thread, when a login that had to wait should ask again; the same one each time.</param>
    public LoginTurn BeginLogin(int limit, Action wake)
    {
        if (_isLoggingIn)
            return LoginTurn.Begun;

        _wake = wake;
        var turn = InFlight.BeginLogin(_authFailures ??= () => Peek(AnvilEvent.AuthFailure), limit, wake);
        _isLoggingIn = turn == LoginTurn.Begun;
        return turn;
    }

    /// <summary>The MTA has answered, and a refusal was counted. Without a login: does nothing.</summary>
    public void EndLogin()
    {
        if (!_isLoggingIn)
            return;

        _isLoggingIn = false;
        InFlight.EndLogin();
    }

    /// <summary>Notes for who asks later that a limit has refused the client something.</summary>
    /// <param name="hit">The limit.</param>
    /// <param name="limits">As they were judged.</param>
    /// <param name="code">What it was told; 0: nothing.</param>
    public void NoteRefusal(in LimitHit hit, SmtpdLimitOptions limits, int code) => NoteHit(ClientEvent.Of(hit, hit.Limit.Value(limits), code));

    /// <summary>Notes that the client may begin no handshake, because of those it has left.</summary>
    public void NoteHandshakesLeft(int left) => anvil.Note(key, ClientEvent.OfHandshakes(left));

    /// <summary>Notes that the MTA has refused a command, which counted as an error of the session.</summary>
    public void NoteError(Verb verb, int code, int errors) => anvil.Note(key, ClientEvent.OfError(verb, code, errors));

    /// <summary>Notes the reply by which the MTA has refused it.</summary>
    /// <param name="reply">All its lines; the beginning of the first is kept.</param>
    public void NoteReply(in ReadOnlySequence<byte> reply)
    {
        Span<byte> text = stackalloc byte[RefusingReplies.Longest];
        var length = (int)Math.Min(reply.Length, text.Length);
        reply.Slice(0, length).CopyTo(text);
        var end = text[..length].IndexOfAny((byte)'\r', (byte)'\n');
        anvil.NoteReply(key, text[..(end < 0 ? length : end)]);
    }

    /// <summary>The connection's session is over.</summary>
    /// <param name="mostErrors">The most errors it had since the last message that was accepted.</param>
    public void NoteSessionEnd(int mostErrors) => _mostErrors = mostErrors;

    /// <summary>Notes that the session ends for its errors.</summary>
    public void NoteTooManyErrors(int errors, int limit) => NoteHit(ClientEvent.OfTooManyErrors(errors, limit));

    /// <summary>Notes that the session ends for a command that is not SMTP.</summary>
    public void NoteForbiddenCommand(int code) => NoteHit(ClientEvent.OfForbiddenCommand(code));

    /// <summary>Notes that the session ends for input before its time.</summary>
    public void NotePipelining(int code) => NoteHit(ClientEvent.OfPipelining(code));

    private AnvilCounts Connected(in AnvilCounts counts)
    {
        _isTracked = !counts.IsUntracked;
        (_connectedAt, _open) = (anvil.Second, counts.ConnectionCount);
        return counts;
    }

    private static AnvilEvent EventOf(ClientLimit limit) =>
        limit.Event ?? throw new ArgumentException($"{limit.Parameter} is on connections.", nameof(limit));

    private void NoteHit(in ClientEvent noted) => anvil.NoteHit(new(key, address ?? key.Client.Address, noted));

    private ClientInFlight InFlight => _inFlight ??= anvil.InFlight.Enter(key);

    /// <summary>Ends the connection, if it was counted, and all it has with the MTA. Again: does nothing.</summary>
    public void Dispose()
    {
        LeaveFlight();
        if (!_isTracked)
            return;

        _isTracked = false;
        anvil.End(new(key, _connectedAt, _open, _mostErrors));
    }

    private void LeaveFlight()
    {
        if (_inFlight is null)
            return;

        EndLogin();
        NoteCommands(0);
        if (_wake is not null)
            _inFlight.Forget(_wake);
        _inFlight = null;
        anvil.InFlight.Leave(key);
    }
}
