using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Mta;
using SmtpShield.Mta.Learned;
using SmtpShield.Mta.Probing;
using SmtpShield.Options;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace SmtpShield.Tests.Mta.Probing;

/// <summary>What probes teach, and what becomes of those whose judge fails.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase), CancelAfter(60_000)]
internal sealed class ProbingTests
{
    private const string A = "192.0.2.1:25";
    private const string B = "192.0.2.2:25";
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private HostedPool _host = null!;

    [TearDown]
    public async Task TearDown() => await _host.DisposeAsync();

    [Test]
    public async Task Probe_IsGreetedByAll_TeachesWhatToSayInTheirPlace()
    {
        _host = HostedPool.Start(Options(A, B), hasProbes: true, static network =>
        {
            Offers(network, A, "SIZE 10", "DSN");
            network.Fails(B, SocketError.ConnectionRefused);
        });
        await UntilPassedAsync(() => Memory(A).Recall() is not null);
        Assert.That(Memory().Recall(), Is.Null, "B may be dialed, and is not known");
        Offers(_host.Network, B, "SIZE 5");
        await UntilPassedAsync(() => Memory().Recall() is not null);

        Assert.That((Text(Memory().Recall()), Text(Memory(isInTls: true).Recall())), Is.EqualTo(("220 mx|SIZE 5", "")));
        Assert.That(_host.Network.Connections.Select(static connection => connection.Mismatch), Is.All.Null);
    }

    [Test, Property("Pool", "POOL-11")]
    public async Task Probe_OffersOtherThanTheLast_WhatWasLearnedIsDropped()
    {
        _host = HostedPool.Start(Options(A), hasProbes: true, static network => Offers(network, A, "SIZE 10", "DSN"));
        await UntilPassedAsync(() => Memory().Recall() is not null);
        Hear(Memory(), "SIZE 10", "DSN", "8BITMIME");
        Hear(Memory(isInTls: true), "SIZE 10", "DSN", "AUTH PLAIN");
        await UntilPassedAsync(() => Probes == 2);
        Assert.That(Text(Memory().Recall()), Does.EndWith("SIZE 10|DSN|8BITMIME"));
        Offers(_host.Network, A, "SIZE 20");
        await UntilPassedAsync(() => Probes == 3);

        Assert.That((Text(Memory().Recall()), Text(Memory(isInTls: true).Recall())), Is.EqualTo(("220 mx|SIZE 20", "")));
    }

    [Test]
    public async Task Probe_IsDown_WhatWasLearnedIsDropped()
    {
        _host = HostedPool.Start(Options(A), hasProbes: true, static network => Offers(network, A, "SIZE 10"));
        await UntilPassedAsync(() => Memory().Recall() is not null);
        Hear(Memory(isInTls: true), "SIZE 10");
        _host.Network.Fails(A, SocketError.ConnectionRefused);
        await UntilPassedAsync(() => _host.Maintenance.Pictures().Single().State == UpstreamState.Down);

        Assert.That((Memory().Recall(), Memory(isInTls: true).Recall()), Is.EqualTo(((MtaPromise?)null, (MtaPromise?)null)));
        Offers(_host.Network, A, "SIZE 20");
        await UntilPassedAsync(() => Memory().Recall() is not null);
    }

    [Test]
    public async Task Probe_OneIsTakenOut_IsNoMoreInWhatAllOffer()
    {
        _host = HostedPool.Start(Options(A, B), hasProbes: true, static network =>
        {
            Offers(network, A, "SIZE 10", "DSN");
            Offers(network, B, "SIZE 5");
        });
        await UntilPassedAsync(() => Memory().Recall() is not null);
        _host.Maintenance.Drain(B, "x");

        Assert.That(Text(Memory().Recall()), Is.EqualTo("220 mx|SIZE 10|DSN"));
    }

    [Test, Property("Pool", "POOL-11")]
    public async Task ProbingCompleted_JudgeFailsForOne_ItIsLoggedAndTheOthersAreJudged()
    {
        var updater = new FailingUpdater(A);
        _host = HostedPool.Start(
            Options(A, B),
            hasProbes: true,
            static network =>
            {
                network.Fails(A, SocketError.ConnectionRefused);
                network.Fails(B, SocketError.ConnectionRefused);
            },
            services => services.Replace(ServiceDescriptor.Singleton<IDestinationHealthUpdater>(updater)));

        await UntilPassedAsync(() => updater.Told.Contains(B));
        var probes = Probes;
        await UntilPassedAsync(() => Probes > probes + 4);

        Assert.That(Errors, Is.EqualTo([$"probing upstream {A} failed"]));
    }

    [Test, Property("Pool", "POOL-11")]
    public async Task Probe_FailsByABug_IsLoggedOnceAMinuteAndTheNextOneIsMade()
    {
        _host = HostedPool.Start(Options(A, B), hasProbes: true, static network =>
        {
            network.Throws(A, new InvalidCastException("a bug"));
            Offers(network, B, "SIZE 5");
        });
        for (var second = 0; second < 70; second++)
            await PassAsync();

        Assert.That(Errors, Is.EqualTo(Enumerable.Repeat($"probing upstream {A} failed", 2)));
        Assert.That(_host.Network.Attempts.Count(static attempt => attempt == A), Is.AtLeast(6));
        Assert.That(Memory(B).Recall(), Is.Not.Null);
    }

    [Test, Property("Pool", "POOL-11")]
    public async Task SendAsync_AnythingIsThrown_IsNoNewsAndIsLogged(CancellationToken cancellationToken)
    {
        _host = HostedPool.Start(Options(A));
        var log = new FakeLogger<ProbeMishaps>();
        using var handler = new ProbeHandler(
            new(static () => throw new InvalidOperationException("a bug")), new(static () => throw new NotSupportedException()), new(_host.Time, log));
        using var client = ((IForwarderHttpClientFactory)handler).CreateClient(new());
        using var request = new ProbeRequest("smtp", $"smtp://{A}");

        using var response = await client.SendAsync(request, cancellationToken);

        Assert.That((response as ProbeResponse)?.Outcome, Is.Null);
        Assert.That((log.LatestRecord.Message, log.LatestRecord.Exception?.Message), Is.EqualTo(($"probing upstream {A} failed", "a bug")));
    }

    private int Probes => _host.Network.Attempts.Count;

    private IEnumerable<string> Errors => _host.Log.GetSnapshot().Where(static line => line.Id.Id == 1606).Select(static line => line.Message);

    private static ShieldOptions Options(params string[] destinations) => new()
    {
        Upstream = new()
        {
            Destinations = [.. destinations.Select(static text => new UpstreamAddress(text[..text.LastIndexOf(':')], 25))],
        },
    };

    private static void Offers(ScriptedTransport network, string destination, params string[] keywords) =>
        network.Plays(
            destination,
            false,
            ["S: 220 mx", "C: EHLO localhost.localdomain", .. ReplyOf(keywords).Select(static line => $"S: {line}"), "C: QUIT", "S: 221 bye"]);

    private static void Hear(MtaMemory memory, params string[] keywords)
    {
        memory.NoteGreeting(A, "220 mx\r\n"u8);
        memory.NoteEhlo(A, Encoding.ASCII.GetBytes(string.Concat(ReplyOf(keywords).Select(static line => $"{line}\r\n"))));
    }

    private static IEnumerable<string> ReplyOf(string[] keywords) =>
        [.. keywords.SkipLast(1).Prepend("mx").Select(static line => $"250-{line}"), $"250 {keywords[^1]}"];

    private static string Text(MtaPromise? promise) => promise is null
        ? ""
        : string.Join('|', [Encoding.ASCII.GetString(promise.Greeting.Span).TrimEnd(), .. promise.Offer.Keywords.Select(static keyword => $"{keyword}")]);

    private MtaMemory Memory(string? only = null, bool isInTls = false) => new(
        _host.Learned, "smtp", _host.Snapshot.Current, isInTls, () => only is null ? _host.Pool.AvailableDestinationsOf("smtp") : [only]);

    // YARP begins its rounds in the background; each round is armed again when it is over.
    private async Task StartedAsync()
    {
        while (_host.Time.NextDue is not { } due || due > s_second)
        {
            TestContext.CurrentContext.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private async Task PassAsync()
    {
        await StartedAsync();
        _host.Time.Advance(s_second);
        await StartedAsync();
    }

    private async Task UntilPassedAsync(Func<bool> condition)
    {
        for (var end = _host.Time.Elapsed + TimeSpan.FromMinutes(1); !condition(); await PassAsync())
            Assert.That(_host.Time.Elapsed, Is.LessThan(end));
    }

    private sealed class FailingUpdater(string destination) : IDestinationHealthUpdater
    {
        public ConcurrentQueue<string> Told { get; } = [];

        public void SetActive(ClusterState cluster, IEnumerable<NewActiveDestinationHealth> newHealthPairs)
        {
            foreach (var change in newHealthPairs)
                Set(change.Destination);
        }

        public void SetPassive(ClusterState cluster, DestinationState destination, DestinationHealth newHealth, TimeSpan reactivationPeriod) =>
            Set(destination);

        private void Set(DestinationState state)
        {
            if (state.DestinationId == destination)
                throw new InvalidCastException("a bug");
            Told.Enqueue(state.DestinationId);
        }
    }
}
