using System.Diagnostics.Metrics;
using SmtpShield.Observe;
using SmtpShield.Protocol;

namespace SmtpShield.Metrics;

/// <summary>
/// What is counted of one service and its clients, each fact where it is decided. Nothing here waits, allocates, or knows a client.
/// </summary>
internal sealed class ServiceMetrics
{
    private const string Enforced = "enforced";
    private const string Shadow = "shadow";

    // 2xx, 4xx, 5xx: what a final reply can be.
    private static readonly string[] _classes = ["2xx", "4xx", "5xx"];

    private static readonly SessionEndReason[] _reasons =
        [.. Enum.GetValues<SessionEndReason>().Where(static reason => reason is not (SessionEndReason.None or SessionEndReason.StartTls))];

    private static readonly int[] _reasonIndices = [.. Enum.GetValues<SessionEndReason>().Select(static reason => Array.IndexOf(_reasons, reason))];

    /// <summary>Nobody's: what is noted of a proxy's own connections. Behind the tables it is made of.</summary>
    public static readonly ServiceMetrics Uncounted = new("", null, null);

    private readonly CounterCells _connections;
    private readonly CounterCells _sessions;
    private readonly CounterCells _ends;
    private readonly HistogramCells _durations;
    private readonly CounterCells _commands;
    private readonly CounterCells _messages;
    private readonly CounterCells _recipients;
    private readonly HistogramCells _sizes;
    private readonly CounterCells _hits;
    private readonly CounterCells _delays;
    private readonly CounterCells _delayTicks;
    private readonly CounterCells _handshakes;
    private readonly CounterCells _bans;
    private readonly CounterCells _banRefusals;

    /// <summary>Nothing has happened yet.</summary>
    /// <param name="label">The service's name, or the word for all that have no series of their own.</param>
    /// <param name="durations">Whom else to tell how long connections lasted.</param>
    /// <param name="sizes">Whom else to tell how large messages were.</param>
    public ServiceMetrics(string label, Histogram<double>? durations, Histogram<double>? sizes)
    {
        Label = label;
        _connections = Of(MetricCatalog.Connections, Words.Of<ConnectionOutcome>());
        _sessions = Of(MetricCatalog.Sessions, Words.Of<SessionState>());
        var words = Words.Of<SessionEndReason>();
        _ends = Of(MetricCatalog.SessionsEnded, [.. _reasons.Select(reason => words[(int)reason])]);
        _durations = new(MetricCatalog.SessionDuration, 1.0 / TimeSpan.TicksPerSecond, durations, label);
        _commands = new(MetricCatalog.Commands, VerbTable.Rows.SelectMany(row => _classes.Select(of => (string[])[label, row.Name, of])));
        _messages = Of(MetricCatalog.Messages, Words.Of<MessageOutcome>());
        _recipients = Of(MetricCatalog.Recipients, Words.Of<MessageOutcome>());
        _sizes = new(MetricCatalog.MessageSize, 1, sizes, label);
        _hits = new(
            MetricCatalog.LimitHits,
            [
                .. new[] { Enforced, Shadow }.SelectMany(mode => LimitRules.All.Select(rule => (string[])[label, rule, mode])),
                [label, LimitRules.Bans, Shadow],
            ]);
        _delays = new(MetricCatalog.Delays, [[label]]);
        _delayTicks = new(MetricCatalog.DelaySeconds, [[label]]);
        _handshakes = Of(MetricCatalog.Handshakes, Words.Of<HandshakeOutcome>());
        _bans = new(MetricCatalog.BansMade, [[label]]);
        _banRefusals = new(MetricCatalog.BanRefusals, [[label]]);

        CounterCells Of(MetricDefinition metric, string[] words) => new(metric, words.Select(word => (string[])[label, word]));
    }

    /// <summary>The value of the label <c>service</c>.</summary>
    public string Label { get; }

    /// <summary>It in three numbers.</summary>
    public ServiceTotals Totals
    {
        get
        {
            var outcomes = Enum.GetValues<ConnectionOutcome>().Select(outcome => _connections[(int)outcome]).ToList();
            return new(outcomes.Sum(), outcomes.Sum() - outcomes[(int)ConnectionOutcome.Served], _messages[(int)MessageOutcome.Accepted]);
        }
    }

    /// <summary>What became of a connection, once.</summary>
    public void NoteConnection(ConnectionOutcome outcome) => _connections.Add((int)outcome);

    /// <summary>A connection is over.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="lasted">How long it lasted.</param>
    public void NoteEnd(SessionEndReason reason, TimeSpan lasted)
    {
        _ends.Add(_reasonIndices[(int)reason]);
        _durations.Note(lasted.Ticks);
    }

    /// <summary>A session begins, in the state that sessions begin in.</summary>
    public void EnterSession() => _sessions.Add((int)SessionState.Greeting);

    /// <summary>A session is over.</summary>
    /// <param name="state">In which state.</param>
    public void LeaveSession(SessionState state) => _sessions.Add((int)state, -1);

    /// <summary>A session does something else than before.</summary>
    public void MoveSession(SessionState from, SessionState to)
    {
        _sessions.Add((int)from, -1);
        _sessions.Add((int)to);
    }

    /// <summary>Sessions that are in a state now.</summary>
    public long SessionsIn(SessionState state) => _sessions[(int)state];

    /// <summary>A command has its final reply.</summary>
    /// <param name="verb">Its verb.</param>
    /// <param name="code">The reply's code, not 3xx.</param>
    public void NoteCommand(Verb verb, int code) => _commands.Add((int)verb * _classes.Length + (code < 400 ? 0 : code < 500 ? 1 : 2));

    /// <summary>A message has its final reply.</summary>
    /// <param name="code">The reply's code.</param>
    /// <param name="octets">Of its content.</param>
    public void NoteMessage(int code, long octets)
    {
        _messages.Add((int)MessageOutcomes.Of(code));
        _sizes.Note(octets);
    }

    /// <summary>A message will have no reply.</summary>
    public void NoteMessageAborted() => _messages.Add((int)MessageOutcome.Aborted);

    /// <summary>A recipient has its final reply.</summary>
    /// <param name="code">The reply's code.</param>
    public void NoteRecipient(int code) => _recipients.Add((int)MessageOutcomes.Of(code));

    /// <summary>Recipients will have no reply.</summary>
    /// <param name="count">How many.</param>
    public void NoteRecipientsAborted(int count) => _recipients.Add((int)MessageOutcome.Aborted, count);

    /// <summary>Somebody is over a limit, and the shield acts on it.</summary>
    /// <param name="rule">One of <see cref="LimitRules.All"/>.</param>
    public void NoteLimitHit(string rule) => _hits.Add(LimitRules.IndexOf(rule));

    /// <summary>Somebody is over a limit that is in shadow.</summary>
    /// <param name="rule">One of <see cref="LimitRules.All"/>, or <see cref="LimitRules.Bans"/>.</param>
    public void NoteShadowHit(string rule) => _hits.Add(LimitRules.All.Count + LimitRules.IndexOf(rule));

    /// <summary>How often that has happened.</summary>
    /// <param name="rule">The rule's place in <see cref="LimitRules.All"/>.</param>
    public long HitsOf(int rule) => _hits[rule];

    /// <summary>A reply has to wait.</summary>
    public void NoteDelay(TimeSpan delay)
    {
        _delays.Add(0);
        _delayTicks.Add(0, delay.Ticks);
    }

    /// <summary>A handshake is over, or is none.</summary>
    public void NoteHandshake(HandshakeOutcome outcome) => _handshakes.Add((int)outcome);

    /// <summary>A client was banned for what it did.</summary>
    public void NoteBan() => _bans.Add(0);

    /// <summary>A connection or a session of a banned client has ended.</summary>
    public void NoteBanRefusal() => _banRefusals.Add(0);

    /// <summary>Says all of it.</summary>
    public void Collect(MetricSamples samples)
    {
        _connections.Collect(samples);
        _sessions.Collect(samples);
        _ends.Collect(samples);
        _durations.Collect(samples);
        _commands.Collect(samples);
        _messages.Collect(samples);
        _recipients.Collect(samples);
        _sizes.Collect(samples);
        _hits.Collect(samples);
        _delays.Collect(samples);
        _delayTicks.Collect(samples, 1.0 / TimeSpan.TicksPerSecond);
        _handshakes.Collect(samples);
        _bans.Collect(samples);
        _banRefusals.Collect(samples);
    }
}
