using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Testing;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Admission;

public class AdmitClientTests
{
    private static readonly AnvilKey _key = new("smtp", ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 128));

    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _anvil = null!;
    private ListLogger<AdmitClient> _log = null!;
    private AdmitClient _stage = null!;

    [SetUp]
    public void Create()
    {
        _snapshot = new ShieldSnapshot(WithLimits(count: 2, rate: 0));
        _anvil = new AnvilTable(_snapshot, new FakeTimeProvider());
        _log = new ListLogger<AdmitClient>();
        _stage = new AdmitClient(_anvil, new ClientExceptions(_snapshot), [new ConnectionCountLimit(), new ConnectionRateLimit()], _snapshot, _log);
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
    public async Task Invoke_LimitsOfZero_AdmitAnyNumberAndStillCount(CancellationToken cancellationToken)
    {
        _snapshot.Replace(WithLimits(count: 0, rate: 0));
        for (var i = 0; i < 100; i++)
            _anvil.Connect(_key);

        Assert.That((await ConnectAsync(_ => Task.CompletedTask, cancellationToken), _anvil.Peek(_key).ConnectionRate), Is.EqualTo(("", 101)));
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
        var connection = Connection(out var peer);
        connection.Transport.Output.Complete(new IOException("broken"));
        peer.Input.Complete();

        Assert.That(async () => await _stage.InvokeAsync(connection, MustNotCome), Throws.InvalidOperationException);
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

        var sent = await ConnectAsync(_ =>
        {
            came = true;
            return Task.CompletedTask;
        }, cancellationToken);

        Assert.That((sent, came, _anvil.Peek(_key)), Is.EqualTo(("", true, new AnvilCounts(alreadyThere, alreadyThere))));
    }

    [Test]
    public async Task Invoke_ReloadDuringTheSession_ReleasesWhatWasCounted()
    {
        await _stage.InvokeAsync(Connection(out _), _ =>
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
            }, cancellationToken, $"2001:db8:0:1::{i:x}");
        }

        Assert.That((admitted, _anvil.Peek(new("smtp", ClientRange.Of(IPAddress.Parse("2001:db8:0:1::"), 32, 84)))), Is.EqualTo((10, new AnvilCounts(0, 1000))));
    }

    [Test]
    public void Invoke_WithoutAnIdentity_IsABug() =>
        Assert.That(async () => await _stage.InvokeAsync(new DefaultConnectionContext(), MustNotCome), Throws.InvalidOperationException);

    [Test]
    public void Lease_DisposedTwice_ReleasesOnce()
    {
        _anvil.Connect(_key);
        var lease = AdmissionLease.Take(_anvil, _key);
        lease.Dispose();
        lease.Dispose();

        Assert.That((lease.Counts, _anvil.Peek(_key).ConnectionCount), Is.EqualTo((new AnvilCounts(2, 2), 1)));
    }

    private static ShieldOptions WithLimits(int count, int rate) => new()
    {
        Smtpd = new() { MyHostname = "mail.example.test" },
        Limits = new() { ClientConnectionCountLimit = count, ClientConnectionRateLimit = rate },
    };

    private static Task MustNotCome(ConnectionContext connection) => throw new AssertionException("A refused connection went on.");

    private static DefaultConnectionContext Connection(out IDuplexPipe peer, string address = "192.0.2.7")
    {
        var pair = DuplexPipe.CreateConnectionPair(PipeOptions.Default, PipeOptions.Default);
        peer = pair.Application;
        var connection = new DefaultConnectionContext { Transport = pair.Transport };
        connection.Features.Set(new ClientIdentity(new IPEndPoint(IPAddress.Parse(address), 1)));
        return connection;
    }

    private async Task<string> ConnectAsync(ConnectionDelegate next, CancellationToken cancellationToken, string address = "192.0.2.7")
    {
        var connection = Connection(out var peer, address);
        await _stage.InvokeAsync(connection, next);
        await connection.Transport.Output.CompleteAsync();
        var result = await peer.Input.ReadAtLeastAsync(4096, cancellationToken);
        return Encoding.ASCII.GetString(result.Buffer);
    }
}
