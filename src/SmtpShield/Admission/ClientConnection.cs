using System.IO.Pipelines;
using System.Net;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Shadow;
using SmtpShield.Throttling;
using SmtpShield.Tls;
using SmtpShield.Transport;

namespace SmtpShield.Admission;

/// <summary>
/// A client's connection from <c>connect from</c> to <c>disconnect from</c>: whose it is, by which options, what it counts, what is
/// spoken over, and how it ended. Used by one stage at a time.
/// </summary>
/// <param name="identified">Whose connection it is.</param>
/// <param name="counter">Counts the client's events; null when it is exempt.</param>
/// <param name="lines">The log lines about it.</param>
/// <param name="metrics">Where its service counts.</param>
/// <param name="book">Where it is written down what limits in shadow would have done; null: nowhere.</param>
internal sealed class ClientConnection(
    IdentifiedConnection identified, ClientCounter? counter, ClientLines lines, ServiceMetrics metrics, ShadowBook? book = null) : IDisposable
{
    private ShadowJudge? _shadow;
    private bool _isCounted;
    private bool _hasOutcome;
    private LogBudget _logBudget;

    /// <summary>Who the client is.</summary>
    public ClientIdentity Client => identified.Client;

    /// <summary>The options the connection goes by.</summary>
    public ConnectionOptions Options => identified.Options;

    /// <summary>A proxy's own connection, to see whether the shield lives: not counted, and hardly logged.</summary>
    public bool IsCheck => identified.Proxy.IsLocal;

    /// <summary>Whose it is, nobody knows: its PROXY header was missing or wrong.</summary>
    public bool LacksProxyHeader => identified.Proxy.HasFailed;

    /// <summary>Counts the client's events; null when it is exempt.</summary>
    public ClientCounter? Counter => counter;

    /// <summary>Counts the client's handshakes; null when it is exempt, or a proxy that checks whether the shield lives.</summary>
    public ClientCounter? HandshakeCounter => IsCheck ? null : counter;

    /// <summary>
    /// Whether what a limit is on is counted: where it is set, or judged in shadow, or what clients do is observed. What a proxy does to see whether the shield
    /// lives is not.
    /// </summary>
    public bool Counts(ClientLimit limit) => limit.IsCounted(Options) || (!IsCheck && Options.IsObserved);

    /// <summary>Judges the connection by the limits in shadow; null: there are none, or not for this client.</summary>
    public ShadowJudge? Shadow => identified.Options.InShadow is null ? null : _shadow ??= JudgeInShadow();

    /// <summary>The shield's end of the connection, or where the client wanted to go; null when it is not known.</summary>
    public IPEndPoint? LocalEndPoint => identified.Connection.LocalEndPoint as IPEndPoint;

    /// <summary>What is spoken over: inside TLS once that is there.</summary>
    public IDuplexPipe Transport { get; private set; } = identified.Connection.Transport;

    /// <summary>What the handshake has agreed on; null: in clear.</summary>
    public TlsFacts? Tls { get; private set; }

    /// <summary>Asked whether the client may go on; null: it may.</summary>
    public Dismissal? Dismissal { get; init; }

    /// <summary>Commands counted for the disconnect line.</summary>
    public CommandStatistics Statistics { get; } = new();

    /// <summary>Lines about what the client did that were not logged.</summary>
    public long SuppressedLines => _logBudget.Suppressed;

    /// <summary>The log lines about it.</summary>
    public ClientLines Lines => lines;

    /// <summary>Where its service counts.</summary>
    public ServiceMetrics Metrics => metrics;

    /// <summary>How it ended; null while it lasts.</summary>
    public SessionEnd? End { get; private set; }

    /// <summary>Whether the kernel has octets of the client's that were not taken yet.</summary>
    public bool HasArrived => Socket is { HasInput: true };

    /// <summary>The socket beneath all of it; null where there is none.</summary>
    public IConnectedSocket? Socket => identified.Connection.Features.Get<IConnectedSocket>();

    /// <summary>Why it is one too many; null: it may come in, or was not judged.</summary>
    public ConnectionRefusal? Refusal { get; private set; }

    /// <summary>Counts and judges the connection, the first time; those that begin with a handshake are judged before it and told inside.</summary>
    /// <returns>Why it is one too many; null: it may come in.</returns>
    public async ValueTask<ConnectionRefusal?> JudgeOnceAsync(Func<ClientConnection, ValueTask<ConnectionRefusal?>> judge)
    {
        if (!_isCounted)
            (_isCounted, Refusal) = (true, await judge(this).ConfigureAwait(false));
        return Refusal;
    }

    /// <summary>A handshake has succeeded: from here on all is said inside.</summary>
    /// <param name="transport">What is inside; who made it gives it back, behind <see cref="LeaveTls"/>.</param>
    /// <param name="facts">What was agreed on.</param>
    public void EnterTls(IDuplexPipe transport, TlsFacts facts) => (Transport, Tls) = (transport, facts);

    /// <summary>What is inside TLS is over; nothing is said any more.</summary>
    public void LeaveTls() => Transport = identified.Connection.Transport;

    /// <summary>Whether another line about what the client does may be logged.</summary>
    public bool MayLog() => _logBudget.TryTake();

    /// <summary>A logger for lines about this connection: all of them go through it, so that they are logged together or left out.</summary>
    public ILogger Through(ILogger log) => lines.Through(log);

    /// <summary>The connection is over, once: the first reason counts.</summary>
    public void EndWith(SessionEnd end) => End ??= end;

    /// <summary>What became of the connection, for the metrics: the first outcome counts.</summary>
    public void NoteOutcome(ConnectionOutcome outcome)
    {
        if (_hasOutcome)
            return;

        _hasOutcome = true;
        metrics.NoteConnection(outcome);
    }

    /// <summary>Ends the connection with a reply in place of a session.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="reply">What the client is told.</param>
    public ValueTask RefuseAsync(SessionEndReason reason, Reply reply)
    {
        EndWith(new(reason));
        return ReplyExtensions.SayAsync(Transport, reply);
    }

    /// <summary>The client is not counted any more as connected.</summary>
    public void Dispose() => counter?.Dispose();

    private ShadowJudge? JudgeInShadow() =>
        counter is null || book is null || IsCheck ? null : new(identified.Options, counter.Key, identified.Client, book);
}
