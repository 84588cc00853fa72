using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Shadow;
using SmtpShield.Testing;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Limits;

namespace SmtpShield.Tests.Shadow;

/// <summary>What is judged before there is a session: connections, handshakes, early talk.</summary>
public class ShadowConnectionTests
{
    private static readonly ShieldOptions _off = new()
    {
        Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) },
        Limits = new() { ClientConnectionCountLimit = 0 },
        Smtpd = new() { ForbidUnauthPipelining = false },
    };

    private readonly FakeTimeProvider _time = new();
    private readonly List<ClientConnection> _open = [];
    private FakeLogger<ShadowBook> _log = null!;
    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _anvil = null!;
    private ShadowBook _book = null!;

    [TearDown]
    public void Close()
    {
        _open.ForEach(static connection => connection.Dispose());
        _open.Clear();
    }

    [TestCase("smtpd_client_connection_rate_limit", "Connection rate limit exceeded (shadow): 3 from unknown[192.0.2.7] for service smtp")]
    [TestCase("smtpd_client_connection_count_limit", "Connection concurrency limit exceeded (shadow): 3 from unknown[192.0.2.7] for service smtp")]
    [Property("Operations", "OPS-15")]
    public async Task Admit_EnforcedAndInShadow_SameConnectionIsOneTooMany(string rule, string line)
    {
        Use(TestShadow.Set(_off, rule, 2));
        List<bool> enforced = [await IsAdmittedAsync(), await IsAdmittedAsync(), await IsAdmittedAsync()];
        Assert.That(enforced, Is.EqualTo(new[] { true, true, false }));

        Use(TestShadow.InShadow(TestShadow.Set(_off, rule, 2), rule));
        List<bool> shadow = [await IsAdmittedAsync(), await IsAdmittedAsync()];
        Assert.That(TestShadow.Of(_book, rule).Hits, Is.Zero);
        shadow.Add(await IsAdmittedAsync());
        Assert.That(shadow, Is.All.True);
        Assert.That(TestShadow.Of(_book, rule).Hits, Is.EqualTo(1));
        Assert.That(_open[^1].Shadow!.IsGhost && !_open[^2].Shadow!.IsGhost);
        Assert.That(_log.Collector.GetSnapshot().Select(static record => $"{record.Level} {record.Id.Id} {record.Message}"),
            Is.EqualTo(new[] { "Information 1250 " + line }).AsCollection);
    }

    /// <summary>S7: the exempt leave no trace.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Admit_ExemptClient_IsNotJudged()
    {
        Use(TestShadow.InShadow(TestShadow.Set(_off, "smtpd_client_connection_rate_limit", 1), "smtpd_client_connection_rate_limit"));
        for (var i = 0; i < 3; i++)
        {
            using var connection = TestConnection.Of(_snapshot, counter: null, book: _book);
            await new AdmitClient(NullLogger<AdmitClient>.Instance).InvokeAsync(connection, static _ => Task.CompletedTask);
        }

        Assert.That((_book.Summarize(1).Clients, TestShadow.Of(_book, "smtpd_client_connection_rate_limit").Hits), Is.EqualTo((0L, 0L)));
    }

    /// <summary>Live: a connection that is there is judged as soon as there is something in shadow.</summary>
    [Test]
    [Property("Operations", "OPS-19")]
    public async Task Shadow_SwitchedOnAndOff_HoldsForConnectionsThatAreThere()
    {
        Use(_off);
        await IsAdmittedAsync();
        Assert.That(_open[0].Shadow, Is.Null);
        _snapshot.Replace(TestShadow.Beside(_off, "smtpd_client_message_rate_limit", 1));
        Assert.That(_open[0].Shadow?.JudgeCommand(ClientLimits.Message, 2), Is.True);
        var judge = _open[0].Shadow!;
        _snapshot.Replace(_off);
        Assert.That((_open[0].Shadow, judge.JudgeCommand(ClientLimits.Message, 3)), Is.EqualTo(((ShadowJudge?)null, false)));
    }

    [Test]
    [Property("Operations", "OPS-14")]
    public async Task Handshake_AboveTheRateInShadow_BeginsAndIsToldNothing()
    {
        const string Rule = "smtpd_client_new_tls_session_rate_limit";
        Use(TestShadow.InShadow(TestShadow.Set(_off, Rule, 1), Rule));
        var sessions = new NewTlsSessions(NullLogger<NewTlsSessions>.Instance);
        for (var i = 0; i < 3; i++)
        {
            var mayBegin = sessions.MayBegin(Connect());
            Assert.That((mayBegin, await sessions.JudgeAsync(NewTlsSessions.Count(_open[^1]), _open[^1])), Is.EqualTo((true, (Reply?)null)));
            Assert.That(NewTlsSessions.MostUnderWay(_open[^1]), Is.EqualTo(int.MaxValue));
        }

        Assert.That(TestShadow.Of(_book, Rule).Hits, Is.EqualTo(2));
        Assert.That(_log.Collector.GetSnapshot().Select(static record => $"{record.Id.Id} {record.Message}"), Is.EqualTo(new[]
        {
            "1250 New TLS session rate limit exceeded (shadow): 2 from unknown[192.0.2.7] for service smtp",
            "1252 Refusing TLS service request (shadow) from unknown[192.0.2.7] for service smtp",
        }).AsCollection);
    }

    [Test]
    [Property("Operations", "OPS-14")]
    public async Task Pregreet_InShadow_LetsTheClientInAndLeavesWhatItSent()
    {
        Use(TestShadow.InShadow(TestShadow.Set(_off, "smtpd_forbid_unauth_pipelining", true), "smtpd_forbid_unauth_pipelining"));
        var (transport, client) = DuplexPipe.CreateConnectionPair(PipeOptions.Default, PipeOptions.Default);
        await client.Output.WriteAsync("EHLO c\r\n"u8.ToArray());
        var connection = Connect(transport);
        var isLetIn = false;
        await new PregreetCheck(NullLogger<PregreetCheck>.Instance).InvokeAsync(connection, _ =>
        {
            isLetIn = true;
            return Task.CompletedTask;
        });

        Assert.That((isLetIn, client.Input.TryRead(out _)), Is.EqualTo((true, false)));
        Assert.That(Encoding.ASCII.GetString((await transport.Input.ReadAsync()).Buffer), Is.EqualTo("EHLO c\r\n"));
        Assert.That(_log.Collector.GetSnapshot().Select(static record => record.Message),
            Is.EqualTo(new[] { "improper command pipelining (shadow) after CONNECT from unknown[192.0.2.7]" }).AsCollection);
    }

    /// <summary>What is counted only to be judged in shadow makes no line of statistics: anvil would not have counted it.</summary>
    [Test]
    public async Task Statistics_OnlyInShadow_HaveNoLines()
    {
        var log = new FakeLogger<AnvilStatistics>();
        _snapshot = new(TestShadow.InShadow(TestShadow.Set(_off, "smtpd_client_connection_rate_limit", 1), "smtpd_client_connection_rate_limit"));
        var statistics = new AnvilStatistics(_snapshot, _time, log);
        _anvil = TestAnvil.Table(_snapshot, _time, statistics);
        _book = TestShadow.Book(_snapshot, _anvil, _time);
        Assert.That(await IsAdmittedAsync());
        statistics.LogAndReset();
        Assert.That(log.Collector.Count, Is.Zero);
    }

    private void Use(ShieldOptions options)
    {
        _snapshot = new(options);
        _anvil = TestAnvil.Table(_snapshot, _time);
        _log = new();
        _book = TestShadow.Book(_snapshot, _anvil, _time, _log);
    }

    private async Task<bool> IsAdmittedAsync()
    {
        var isAdmitted = false;
        await new AdmitClient(NullLogger<AdmitClient>.Instance).InvokeAsync(Connect(), _ =>
        {
            isAdmitted = true;
            return Task.CompletedTask;
        });
        return isAdmitted;
    }

    private ClientConnection Connect(IDuplexPipe? transport = null)
    {
        var counter = new ClientCounter(_anvil, new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128)));
        var connection = TestConnection.Of(_snapshot, transport, counter, book: _book);
        _open.Add(connection);
        return connection;
    }
}
