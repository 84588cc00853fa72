using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Shadow;
using SmtpShield.Throttling;

namespace SmtpShield.Tests.Throttling;

/// <summary>Connections that are logged as the program logs them, on a clock of the test's.</summary>
internal sealed class FloodedLog : ILogger<RecordSession>, ILogger<LogThrottle>
{
    private readonly RecordSession _record;
    private readonly LogThrottle _throttle;
    private readonly AnvilTable _anvil;

    /// <summary>Makes one with the options there are when nobody sets any.</summary>
    public FloodedLog()
    {
        Clock = new(Time);
        _anvil = TestAnvil.Table(Snapshot, Clock);
        _throttle = new(_anvil, Clock, this);
        _record = new(_anvil, _throttle, ServiceMetrics.Uncounted, static _ => null, TestShadow.Book(Snapshot, _anvil, Clock), Clock, this);
    }

    /// <summary>The options.</summary>
    public ShieldSnapshot Snapshot { get; } = new(new());

    /// <summary>The clock.</summary>
    public FakeTimeProvider Time { get; } = new();

    /// <summary>The clock, and the hands of it that somebody may set.</summary>
    public WallClock Clock { get; }

    /// <summary>The lines since it was last cleared.</summary>
    public List<string> Lines { get; } = [];

    /// <summary>Connections in all.</summary>
    public int Connections { get; private set; }

    /// <summary>Sets <c>shield_log_client_limit</c>.</summary>
    public void SetLimit(int limit) => Snapshot.Replace(Snapshot.Current with { Log = new() { ClientLimit = limit } });

    /// <summary>Another second is over.</summary>
    public void Advance(int seconds = 1)
    {
        for (var i = 0; i < seconds; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            Sweep();
        }
    }

    /// <summary>What is done each second.</summary>
    public void Sweep()
    {
        _anvil.RemoveExpired();
        _throttle.Sweep();
    }

    /// <summary>The shield stops.</summary>
    public void Stop() => _throttle.Sweep(isLast: true);

    /// <summary>A connection that is refused: the n-th, say.</summary>
    public void Refuse(string address, int n) => Connect(address, connection =>
    {
        AdmissionLog.LimitExceeded(connection.Through(this), "Connection rate", n, connection.Client.NameAddress, "smtp");
        connection.EndWith(new(SessionEndReason.ConnectionLimit));
    });

    /// <summary>A connection that is lost behind a command.</summary>
    public void Lose(string address, string after = "EHLO") => Connect(address, connection => connection.EndWith(new(SessionEndReason.ClientLost, after)));

    /// <summary>A connection on which a login fails.</summary>
    public void FailLogin(string address) => Connect(address, connection =>
    {
        RelayLog.AuthenticationFailed(connection.Through(this), connection.Client.NameAddress, "LOGIN", "535 5.7.8 no");
        connection.EndWith(new(SessionEndReason.ClientLost, "AUTH"));
    });

    /// <summary>A connection with refused recipients.</summary>
    public void Reject(string address, int recipients, bool delivers = false) => Connect(address, connection =>
    {
        for (var i = 1; i <= recipients; i++)
            RelayLog.Rejected(connection.Through(this), "RCPT", connection.Client.NameAddress, $"550 5.1.1 no {i}", "from=<a@x>");
        if (delivers)
            connection.Lines.NoteDelivered();
        connection.EndWith(new(SessionEndReason.ClientQuit));
    });

    /// <summary>A connection that delivers a message.</summary>
    public void Deliver(string address) => Connect(address, connection =>
    {
        RelayLog.FirstRecipient(connection.Through(this), connection.Client.NameAddress);
        connection.Lines.NoteDelivered();
        connection.EndWith(new(SessionEndReason.ClientQuit));
    });

    /// <summary>A connection.</summary>
    public void Connect(string address, Action<ClientConnection> session)
    {
        Connections++;
        var path = _record.InvokeAsync(TestConnection.Identified(Snapshot, address: address), connection =>
        {
            session(connection);
            return Task.CompletedTask;
        });
        Assert.That(path.IsCompletedSuccessfully, Is.True);
    }

    /// <summary>Lines that the log says were left out.</summary>
    public static long LeftOut(IEnumerable<string> lines) => lines.Where(static line => line.StartsWith("suppressed ", StringComparison.Ordinal))
        .Sum(static line => long.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>Lines that are no summaries.</summary>
    public static long Told(IEnumerable<string> lines) => lines.Count(static line => !line.StartsWith("suppressed ", StringComparison.Ordinal));

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Add(formatter(state, exception));
}
