using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Shadow;
using SmtpShield.Tests.Throttling;

namespace SmtpShield.Tests.Admission;

public class AdmitClientTests
{
    private static readonly AnvilKey _key = new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128));

    private ShieldSnapshot _snapshot = null!;
    private FakeTimeProvider _time = null!;
    private AnvilTable _anvil = null!;
    private FakeLogger<AdmitClient> _log = null!;
    private AdmitClient _stage = null!;

    [SetUp]
    public void Create()
    {
        _snapshot = new ShieldSnapshot(WithLimits(count: 2, rate: 0));
        _time = new FakeTimeProvider();
        _anvil = TestAnvil.Table(_snapshot, _time);
        _log = new FakeLogger<AdmitClient>();
        _stage = new(_log);
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_WithinTheLimits_GoesOnCountedAndReleasesAtTheEnd(CancellationToken cancellationToken)
    {
        var during = default(AnvilCounts);
        var sent = await ConnectAsync(_ =>
        {
            during = _anvil.Peek(_key);
            return Task.CompletedTask;
        }, cancellationToken);

        Assert.That((sent, during, _anvil.Peek(_key)), Is.EqualTo(("", new AnvilCounts(1, 1), new AnvilCounts(0, 1))));
        Assert.That(_log.Lines, Is.Empty);
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_AboveTheConnectionCount_RefusesInPostfixsWordsAndReleases(CancellationToken cancellationToken)
    {
        _anvil.Connect(_key);
        _anvil.Connect(_key);

        var sent = await ConnectAsync(MustNotCome, cancellationToken);

        Assert.That(sent, Is.EqualTo("421 4.7.0 mail.example.test Error: too many connections from 192.0.2.7\r\n"));
        Assert.That(_log.Lines, Is.EqualTo(new[] { "Warning: Connection concurrency limit exceeded: 3 from unknown[192.0.2.7] for service smtp" }));
        Assert.That(_anvil.Peek(_key), Is.EqualTo(new AnvilCounts(2, 3)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_UnderStress_TheStressedLimitCounts(CancellationToken cancellationToken)
    {
        var normal = WithLimits(count: 0, rate: 2);
        _snapshot.Replace(normal with { Listener = new() { DefaultProcessLimit = 1 }, UnderStress = WithLimits(count: 0, rate: 1) });
        _anvil.Connect(_key);

        Assert.That(await ConnectAsync(MustNotCome, cancellationToken, isUnderStress: true), Does.StartWith("421 4.7.0 "));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_AboveTheConnectionRate_RefusesAndCountsTheRefused(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(count: 2, rate: 1));
        await ConnectAsync(_ => Task.CompletedTask, cancellationToken);

        var second = await ConnectAsync(MustNotCome, cancellationToken);
        var third = await ConnectAsync(MustNotCome, cancellationToken);

        Assert.That(new[] { second, third }, Is.All.EqualTo("421 4.7.0 mail.example.test Error: too many connections from 192.0.2.7\r\n"));
        Assert.That(_log.Lines, Is.EqualTo(new[]
        {
            "Warning: Connection rate limit exceeded: 2 from unknown[192.0.2.7] for service smtp",
            "Warning: Connection rate limit exceeded: 3 from unknown[192.0.2.7] for service smtp",
        }));
        Assert.That(_anvil.Peek(_key), Is.EqualTo(new AnvilCounts(0, 3)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_AboveBothLimits_LogsOnlyTheConcurrency(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(count: 1, rate: 1));
        _anvil.Connect(_key);

        await ConnectAsync(MustNotCome, cancellationToken);

        Assert.That(_log.Lines, Is.EqualTo(new[] { "Warning: Connection concurrency limit exceeded: 2 from unknown[192.0.2.7] for service smtp" }));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_NoLimitSet_AdmitsAnyNumberAndRegistersNothing(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(count: 0, rate: 0) with { Anvil = new() { Observe = false } });
        for (var i = 0; i < 100; i++)
            _anvil.Connect(_key);

        Assert.That((await ConnectAsync(_ => Task.CompletedTask, cancellationToken), _anvil.Peek(_key)), Is.EqualTo(("", new AnvilCounts(100, 100))));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_OnlyAnotherLimitSet_RegistersTheConnection(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(new() { ClientConnectionCountLimit = 0, ClientMessageRateLimit = 1 }));
        var during = default(AnvilCounts);
        await ConnectAsync(_ =>
        {
            during = _anvil.Peek(_key);
            return Task.CompletedTask;
        }, cancellationToken);

        Assert.That((during, _anvil.Peek(_key)), Is.EqualTo((new AnvilCounts(1, 1), new AnvilCounts(0, 1))));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_Admitted_LeavesACounterForTheEvents(CancellationToken cancellationToken)
    {
        var counts = Array.Empty<int>();
        await ConnectAsync(connection =>
        {
            var counter = connection.Counter!;
            counts = [counter.Count(AnvilEvent.Message), counter.Count(AnvilEvent.Message), counter.Count(AnvilEvent.Auth)];
            return Task.CompletedTask;
        }, cancellationToken);

        Assert.That((counts, _anvil.Peek(_key)), Is.EqualTo((new[] { 1, 2, 1 }, TestAnvil.Counts(0, 1, messages: 2, auths: 1))));
    }

    [TestCase(AnvilEvent.Error, 2, "")]
    [TestCase(AnvilEvent.Error, 3, "Error rate")]
    [TestCase(AnvilEvent.AuthFailure, 2, "")]
    [TestCase(AnvilEvent.AuthFailure, 3, "Authentication failure rate")]
    [CancelAfter(10_000)]
    public async Task Invoke_FailuresOfEarlierSessions_RefuseUntilTheWindowHasPassed(
        object kind, int failures, string subject, CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(new() { ClientErrorRateLimit = 2, ClientAuthFailureRateLimit = 2 }));
        await ConnectAsync(connection =>
        {
            for (var i = 0; i < failures; i++)
                connection.Counter!.Count((AnvilEvent)kind);
            return Task.CompletedTask;
        }, cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(30));
        var sent = await ConnectAsync(_ => Task.CompletedTask, cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(30));
        await ConnectAsync(_ => Task.CompletedTask, cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(1));
        var afterTheWindow = await ConnectAsync(_ => Task.CompletedTask, cancellationToken);

        var what = kind is AnvilEvent.Error ? "errors" : "authentication failures";
        Assert.That((sent, afterTheWindow),
            Is.EqualTo((subject.Length == 0 ? "" : $"421 4.7.0 mail.example.test Error: too many {what} from 192.0.2.7\r\n", "")));
        Assert.That(_log.Lines,
            Is.EqualTo(Enumerable.Repeat($"Warning: {subject} limit exceeded: 3 from unknown[192.0.2.7] for service smtp", subject.Length == 0 ? 0 : 2)));
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_TableFull_AdmitsAndDisconnectsNobodyElse(CancellationToken cancellationToken)
    {
        var options = WithLimits(count: 1, rate: 1);
        _snapshot.Replace(options with { Anvil = new() { ClientTableSize = 1000 } });
        _anvil = TestAnvil.Table(_snapshot, _time);
        for (var i = 0; i < 1000; i++)
            _anvil.Connect(TestAnvil.Key(i));

        var sent = await ConnectAsync(_ =>
        {
            _anvil.Disconnect(TestAnvil.Key(0));
            _anvil.Connect(_key);
            return Task.CompletedTask;
        }, cancellationToken);

        Assert.That((sent, _anvil.Peek(_key)), Is.EqualTo(("", new AnvilCounts(1, 1))));
    }

    [Test]
    public void Invoke_NextFails_ReleasesAndLetsTheExceptionThrough()
    {
        Assert.That(async () => await ConnectAsync(_ => throw new IOException("broken"), default), Throws.InstanceOf<IOException>());
        Assert.That(_anvil.Peek(_key), Is.EqualTo(new AnvilCounts(0, 1)));
    }

    [Test]
    public void Invoke_NextFailsLater_ReleasesAndLetsTheExceptionThrough()
    {
        Assert.That(async () => await ConnectAsync(async _ =>
        {
            await Task.Yield();
            throw new IOException("broken");
        }, default), Throws.InstanceOf<IOException>());
        Assert.That(_anvil.Peek(_key), Is.EqualTo(new AnvilCounts(0, 1)));
    }

    [Test]
    public void Invoke_RefusalThatCannotBeWritten_Releases()
    {
        _anvil.Connect(_key);
        _anvil.Connect(_key);
        var identified = Connection(out var peer);
        identified.Connection.Transport.Output.Complete(new IOException("broken"));
        peer.Input.Complete();

        Assert.That(async () => await InvokeAsync(identified, MustNotCome), Throws.InvalidOperationException);
        Assert.That(_anvil.Peek(_key).ConnectionCount, Is.EqualTo(2));
    }

    [TestCase(0)]
    [TestCase(100)]
    [CancelAfter(10_000)]
    public async Task Invoke_ExemptClient_IsNeitherCountedNorRefused(int alreadyThere, CancellationToken cancellationToken)
    {
        var exempt = WithLimits(count: 1, rate: 1);
        _snapshot.Replace(exempt with { Limits = exempt.Limits with { ClientEventLimitExceptions = AddressPatternList.Parse("192.0.2.0/24") } });
        for (var i = 0; i < alreadyThere; i++)
            _anvil.Connect(_key);
        var came = false;

        var sent = await ConnectAsync(connection =>
        {
            came = connection.Counter is null;
            return Task.CompletedTask;
        }, cancellationToken);

        Assert.That((sent, came, _anvil.Peek(_key)), Is.EqualTo(("", true, new AnvilCounts(alreadyThere, alreadyThere))));
    }

    [Test]
    public async Task Invoke_ReloadDuringTheSession_ReleasesWhatWasCounted()
    {
        await InvokeAsync(Connection(out _), _ =>
        {
            _snapshot.Replace(new() { Limits = new() { ClientEventLimitExceptions = AddressPatternList.Parse("0.0.0.0/0") } });
            return Task.CompletedTask;
        });

        Assert.That(_anvil.Peek(_key).ConnectionCount, Is.Zero);
    }

    // ID-15
    [Test, CancelAfter(10_000)]
    public async Task Invoke_ThousandAddressesOfOneNetwork_AreOneClient(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(count: 0, rate: 10));
        var admitted = 0;
        for (var i = 0; i < 1000; i++)
        {
            await ConnectAsync(_ =>
            {
                admitted++;
                return Task.CompletedTask;
            }, cancellationToken, $"2001:db8:0:1:{i:x}::1");
        }

        Assert.That((admitted, _anvil.Peek(new("smtp", ClientRange.Of(IPAddress.Parse("2001:db8:0:1::"), 32, 64)))),
            Is.EqualTo((10, new AnvilCounts(0, 1000))));
    }

    private static ShieldOptions WithLimits(int count, int rate) => WithLimits(new() { ClientConnectionCountLimit = count, ClientConnectionRateLimit = rate });

    private static ShieldOptions WithLimits(SmtpdLimitOptions limits) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.test" },
        Limits = limits,
    };

    private static Task MustNotCome(ClientConnection connection) => throw new AssertionException("A refused connection went on.");

    private IdentifiedConnection Connection(out IDuplexPipe peer, string address = "192.0.2.7", bool isUnderStress = false)
    {
        var pair = DuplexPipe.CreateConnectionPair(PipeOptions.Default, PipeOptions.Default);
        peer = pair.Application;
        return TestConnection.Identified(_snapshot, pair.Transport, address, isUnderStress: isUnderStress);
    }

    // With the stage that holds the connection's counter.
    private Task InvokeAsync(IdentifiedConnection identified, Func<ClientConnection, Task> next) =>
        new RecordSession(_anvil, TestThrottle.Of(_anvil, _time), ServiceMetrics.Uncounted, static _ => null,
            TestShadow.Book(_snapshot, _anvil, _time), _time, NullLogger<RecordSession>.Instance)
            .InvokeAsync(identified, connection => _stage.InvokeAsync(connection, next));

    private async Task<string> ConnectAsync(
        Func<ClientConnection, Task> next, CancellationToken cancellationToken, string address = "192.0.2.7", bool isUnderStress = false)
    {
        var identified = Connection(out var peer, address, isUnderStress);
        await InvokeAsync(identified, next);
        await identified.Connection.Transport.Output.CompleteAsync();
        var result = await peer.Input.ReadAtLeastAsync(4096, cancellationToken);
        return Encoding.ASCII.GetString(result.Buffer);
    }
}
