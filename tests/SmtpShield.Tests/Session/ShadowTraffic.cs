using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Shadow;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Shadow;

namespace SmtpShield.Tests.Session;

/// <summary>
/// One client's session before an MTA that answers by itself, and all that can be seen of it from outside: each octet to each side, and when the shield would
/// next do something by itself.
/// </summary>
internal sealed class ShadowTraffic : IAsyncDisposable
{
    private readonly StringBuilder _line = new();
    private readonly FakeTimeProvider _time = new();
    private readonly FakeLogger<ShadowBook> _log = new();
    private readonly ClientCounter _counter;
    private readonly SessionUnderTest _session;
    private readonly ServiceMetrics _metrics = new("smtp", null, null);
    private readonly List<string> _seen = [];
    private bool _isContent;

    /// <summary>A client is greeted.</summary>
    public ShadowTraffic(ShieldOptions options)
    {
        var snapshot = new ShieldSnapshot(options);
        var anvil = TestAnvil.Table(snapshot, _time);
        Book = TestShadow.Book(snapshot, anvil, _time, _log, _metrics);
        anvil.History.Noted += (in AnvilKey _, in ClientEvent noted) => ForbiddenCommands += noted.Kind == ClientEventKind.ForbiddenCommand ? 1 : 0;
        _counter = new(anvil, new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128)));
        _session = SessionUnderTest.Dialing(options, TlsMode.None, _counter, _metrics, Book);
    }

    /// <summary>What limits in shadow would have done.</summary>
    public ShadowBook Book { get; }

    /// <summary>Forbidden commands that were noted of the client, by which it may be banned.</summary>
    public int ForbiddenCommands { get; private set; }

    /// <summary>Lines of limits in shadow.</summary>
    public IReadOnlyList<string> ShadowLines => [.. _log.Collector.GetSnapshot().Select(static record => record.Message)];

    /// <summary>Lines of the session.</summary>
    public IReadOnlyList<string> Lines => _session.Log;

    /// <summary>What was seen, a line for each step.</summary>
    public IReadOnlyList<string> Seen => _seen;

    /// <summary>The session is over.</summary>
    public bool HasEnded => _session.Ended.IsCompleted;

    /// <summary>Hits of a rule.</summary>
    public double Hits(string rule, string mode)
    {
        var samples = new MetricSamples();
        _metrics.Collect(samples);
        return samples.Of(MetricCatalog.LimitHits).Single(sample => sample.Labels[1] == rule && sample.Labels[2] == mode).Value;
    }

    /// <summary>The MTA greets.</summary>
    /// <param name="early">What the client has sent before.</param>
    public ShadowTraffic Greet(string early = "")
    {
        if (early.Length > 0)
            _session.ClientSends(early);
        _session.MtaGreets("220 mta\r\n");
        Note("greeting");
        return this;
    }

    /// <summary>The client sends octets, the MTA answers what comes to it.</summary>
    public ShadowTraffic Send(string octets)
    {
        if (HasEnded)
            return this;
        _session.ClientSends(octets);
        Note(octets);
        return this;
    }

    /// <summary>Time passes.</summary>
    public ShadowTraffic Wait(int seconds)
    {
        _session.Time.Advance(TimeSpan.FromSeconds(seconds));
        Note($"{seconds} s");
        return this;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        _counter.Dispose();
    }

    private void Note(string step)
    {
        var (mta, client) = ("", "");
        for (var sees = _session.MtaSees(); sees.Length > 0; sees = _session.MtaSees())
        {
            mta += sees;
            Answer(sees);
        }

        client += _session.ClientSees();
        _seen.Add($"{step} | {client} | {mta} | {(HasEnded ? $"{_session.Ended.Result}" : $"{_session.Time.NextDue}")}");
    }

    private void Answer(string octets)
    {
        foreach (var octet in octets)
        {
            _line.Append(octet);
            if (octet != '\n')
                continue;
            var line = _line.ToString();
            _line.Clear();
            var reply = ReplyTo(line.TrimEnd());
            if (reply.Length > 0 && !HasEnded)
                _session.MtaSends(reply + "\r\n");
        }
    }

    private string ReplyTo(string line)
    {
        if (_isContent)
        {
            _isContent = line != ".";
            return _isContent ? "" : "250 2.0.0 queued";
        }

        switch (line.Split(' ', ':')[0])
        {
            case "EHLO":
                return "250-mta\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 ENHANCEDSTATUSCODES";
            case "RCPT" when line.Contains("<no", StringComparison.Ordinal):
                return "550 5.1.1 unknown";
            case "AUTH":
                return "535 5.7.8 wrong";
            case "DATA":
                _isContent = true;
                return "354 go";
            case "QUIT":
                return "221 2.0.0 bye";
            case "MAIL" or "RCPT" or "RSET" or "NOOP" or "HELO" or "VRFY":
                return "250 2.0.0 ok";
            default:
                return "502 5.5.2 what?";
        }
    }
}
