using System.Net.Sockets;
using System.Text.Json;
using SmtpShield.Clients;
using SmtpShield.Control.Events;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The stream over the control socket, of a shield with real sessions.</summary>
[Platform("Linux"), CancelAfter(60_000)]
[Property("Operations", "OPS-8")]
internal sealed class EventsApiTests : RelayFixture
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private string _directory = "";
    private Task<MtaConnection>? _accepting;

    protected override bool HasFakeTime => true;

    private string Place => Path.Combine(_directory, "control.sock");

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-events-").FullName;
        _accepting = null;
        return options with { Control = new() { Socket = Place }, Limits = options.Limits with { ClientConnectionRateLimit = 1 } };
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    /// <summary>A reload may name a service that is served from the next start on: what is shown is of those there are.</summary>
    [Test]
    public async Task Reload_WithAServiceMore_TheLookOfEachSecondGoesOn(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "stats", cancellationToken);
        var options = Shield.Snapshot.Current;
        Shield.Snapshot.Replace(options with
        {
            Services = new Dictionary<string, ShieldOptions> { [ServiceOptions.DefaultName] = options, ["submission"] = options },
        });
        for (var i = 0; i < 3; i++)
        {
            Time!.Advance(s_second);
            Assert.That((await events.NextAsync(cancellationToken)).Name, Is.EqualTo("stats"));
        }

        var (status, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status", cancellationToken);
        Assert.That(status, Is.EqualTo(200));
        Assert.That(body, Does.Not.Contain("submission"));
    }

    [Test]
    public async Task Stream_OfARefusalAReleaseAndAnExemption_HasThemInOrder(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "limited,released,change", cancellationToken);
        Assert.That((events.Status, events.MediaType), Is.EqualTo((200, "text/event-stream")));

        await TryAsync(2, cancellationToken);
        var (name, id, data) = await events.NextAsync(cancellationToken);
        Assert.That((name, id), Is.EqualTo(("limited", "1767225600000-1")));
        Assert.That(data, Is.EqualTo(
            """{"at":"2026-01-01T00:00:00Z","service":"smtp","client":"127.0.0.1","kind":"limit","rule":"smtpd_client_connection_rate_limit","""
            + """
            "code":421,"count":2,"limit":1}
            """));

        await ControlHttp.AskAsync(Place, HttpMethod.Post, "/v1/clients/127.0.0.1/release", cancellationToken, "{}");
        Assert.That((await events.NextAsync(cancellationToken)).Data, Is.EqualTo(
            """{"at":"2026-01-01T00:00:00Z","service":"smtp","client":"127.0.0.1","kind":"released"}"""));
        (name, _, data) = await events.NextAsync(cancellationToken);
        Assert.That((name, Property(data, "action"), Property(data, "target")), Is.EqualTo(("change", "release", "127.0.0.1")));

        await ControlHttp.AskAsync(Place, HttpMethod.Post, "/v1/exemptions", cancellationToken, """{"prefix":"127.0.0.1","for_s":60,"why":"a <b>\n"}""");
        (name, id, data) = await events.NextAsync(cancellationToken);
        Assert.That((name, id, Property(data, "why")), Is.EqualTo(("change", "1767225600000-4", "a <b>\\n")));
    }

    [Test]
    public async Task Stream_OfBans_HasTheirBeginningsAndEnds(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "ban,unban", cancellationToken);
        await ControlHttp.AskAsync(Place, HttpMethod.Post, "/v1/bans", cancellationToken, """{"prefix":"192.0.2.7","for_s":60,"why":"noise"}""");
        var (name, _, data) = await events.NextAsync(cancellationToken);
        Assert.That((name, Property(data, "prefix"), Property(data, "state"), Property(data, "at"), Property(data, "until"), Property(data, "why")),
            Is.EqualTo(("ban", "192.0.2.7", "active", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", "noise")));

        await ControlHttp.AskAsync(Place, HttpMethod.Delete, "/v1/bans/192.0.2.7", cancellationToken, "{}");
        (name, _, data) = await events.NextAsync(cancellationToken);
        Assert.That((name, Property(data, "prefix"), Property(data, "state")), Is.EqualTo(("unban", "192.0.2.7", "lifted")));

        for (var i = 0; i < BanFeed.Most + 3; i++)
            Shield.Bans.TryAdd(new(ClientRange.Of(new((byte[])[198, 51, 100, (byte)i]), 32, 128), Time!.GetUtcNow(), Time.GetUtcNow().AddHours(1)), out _);
        // With the first one, in the same second.
        for (var i = 1; i < BanFeed.Most; i++)
            Assert.That((await events.NextAsync(cancellationToken)).Name, Is.EqualTo("ban"));
        Time!.Advance(s_second);
        Assert.That((await events.NextAsync(cancellationToken)).Data, Is.EqualTo("""{"at":"2026-01-01T00:00:01Z","more":4}"""));
    }

    [Test]
    public async Task Stream_OfMoreRefusalsThanLeaveInASecond_SaysHowManyMore(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "limited", cancellationToken);
        await TryAsync(1 + ClientEventFeed.MostLimited + 5, cancellationToken);
        for (var i = 0; i < ClientEventFeed.MostLimited; i++)
            Assert.That(Property((await events.NextAsync(cancellationToken)).Data, "kind"), Is.EqualTo("limit"));

        Time!.Advance(s_second);

        var (name, _, data) = await events.NextAsync(cancellationToken);
        Assert.That((name, data), Is.EqualTo(("limited", """{"at":"2026-01-01T00:00:01Z","more":5}""")));
        await TryAsync(1, cancellationToken);
        Assert.That(Property((await events.NextAsync(cancellationToken)).Data, "kind"), Is.EqualTo("limit"), "the next second has its own");
    }

    [Test]
    public async Task Stream_BehindABreak_GoesOnWhereItWas(CancellationToken cancellationToken)
    {
        string last;
        using (var events = await ControlEvents.OpenAsync(Place, "limited", cancellationToken))
        {
            await TryAsync(2, cancellationToken);
            last = (await events.NextAsync(cancellationToken)).Id;
        }

        await TryAsync(2, cancellationToken);

        using var again = await ControlEvents.OpenAsync(Place, "limited", cancellationToken, last);
        Assert.That(Property((await again.NextAsync(cancellationToken)).Data, "count"), Is.EqualTo("3"));
        Assert.That(Property((await again.NextAsync(cancellationToken)).Data, "count"), Is.EqualTo("4"));
        using var lost = await ControlEvents.OpenAsync(Place, "limited", cancellationToken, "1-1");
        Assert.That(await lost.NextAsync(cancellationToken), Is.EqualTo(("gap", "", "{}")));
    }

    [Test]
    public async Task Stream_OfStatistics_HasAPointASecondAndSeriesHaveTheSame(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "stats", cancellationToken);
        Time!.Advance(s_second);
        await events.NextAsync(cancellationToken);
        await TryAsync(3, cancellationToken);
        await Eventually.HoldsAsync(() => Shield.Drain.Connections == 0, s_limit, "all are over", cancellationToken);
        Time.Advance(s_second);

        var (name, _, data) = await events.NextAsync(cancellationToken);

        var values = JsonDocument.Parse(data).RootElement.GetProperty("values");
        Assert.That((name, values.GetProperty("connections_refused").GetDouble(), values.GetProperty("limit_hits").GetDouble()), Is.EqualTo(("stats", 2, 2)));
        Assert.That(data, Has.Length.LessThan(4096));
        var (status, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/series?name=limit_hits,sessions&step_s=1", cancellationToken);
        Assert.That((status, body), Is.EqualTo((200,
            """{"step_s":1,"end":"2026-01-01T00:00:02Z","series":[{"name":"limit_hits","unit":"1/s","points":[null,2]},"""
            + """{"name":"sessions","unit":"1","points":[0,0]}]}""" + "\n")));
    }

    [TestCase("/v1/events?topics=limited,nix", 400, "no such topics: nix")]
    [TestCase("/v1/events?topic=log", 400, "unknown query parameter")]
    [TestCase("/v1/series?name=nix", 404, "no such series: nix")]
    [TestCase("/v1/series?step_s=5", 400, "step_s is neither 1 nor 10")]
    public async Task Ask_WhatThereIsNot_IsRefused(string resource, int status, string message, CancellationToken cancellationToken)
    {
        var answer = await ControlHttp.AskAsync(Place, HttpMethod.Get, resource, cancellationToken);
        Assert.That(answer.Status, Is.EqualTo(status));
        Assert.That(answer.Body, Does.Contain(message));
    }

    [Test]
    public async Task Stream_WithoutEvents_SaysACommentEachFifteenSecondsAndLivesOn(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "ban", cancellationToken);
        Assert.That((await events.LineAsync(cancellationToken), await events.LineAsync(cancellationToken)), Is.EqualTo((": ", "")), "at its beginning");
        for (var i = 0; i < 3; i++)
        {
            var comment = events.LineAsync(cancellationToken);
            // Its wait begins when it has nothing to say any more.
            await Eventually.HoldsAsync(
                () =>
                {
                    if (!comment.IsCompleted)
                        Time!.Advance(EventsApi.Silence);
                    return comment.IsCompleted;
                },
                s_limit, "a comment", cancellationToken);
            Assert.That((await comment, await events.LineAsync(cancellationToken)), Is.EqualTo((": ", "")));
        }
    }

    [Test]
    public async Task Stop_WithStreams_SaysGoodByeAndIsNotHeldUp(CancellationToken cancellationToken)
    {
        using var events = await ControlEvents.OpenAsync(Place, "ban", cancellationToken);
        using var stalled = await StalledAsync(cancellationToken);

        var stopping = Shield.StopAsync(cancellationToken);

        Assert.That(await events.NextAsync(cancellationToken), Is.EqualTo(("bye", "", "{}")));
        Assert.That((await events.NextAsync(cancellationToken)).Name, Is.Null);
        await Eventually.HoldsAsync(
            () =>
            {
                Time!.Advance(s_second);
                return stopping.IsCompleted;
            },
            s_limit, "it has stopped", cancellationToken);
        await stopping;
    }

    [Test]
    public async Task Streams_ThatNobodyReads_ChangeNothingForClientsAndLoseTheirPlaces(CancellationToken cancellationToken)
    {
        var stalled = new List<Socket>();
        for (var i = 0; i < EventStream.MostReaders; i++)
            stalled.Add(await StalledAsync(cancellationToken));
        await Eventually.HoldsAsync(() => Shield.Events.Readers == EventStream.MostReaders, s_limit, "all are there", cancellationToken);
        using (var refused = await ControlEvents.OpenAsync(Place, null, cancellationToken))
            Assert.That((refused.Status, refused.RetryAfter), Is.EqualTo((429, "5")));

        // More than any of them has room for, the kernel's included.
        var line = new LogEvent(Time!.GetUtcNow(), 1, "information", "smtpd", new string('x', 2000));
        for (var i = 0; i < 5000; i++)
        {
            Shield.Events.Publish(StreamTopic.Log, line);
            if (i % 100 == 0)
                await Task.Yield();
        }

        await TryAsync(3, cancellationToken);
        await Eventually.HoldsAsync(
            () =>
            {
                Time.Advance(EventsApi.Patience);
                Shield.Events.Publish(StreamTopic.Log, line);
                return Shield.Events.Readers == 0;
            },
            s_limit, "their places are free", cancellationToken);
        stalled.ForEach(static socket => socket.Dispose());
        using var next = await ControlEvents.OpenAsync(Place, "limited", cancellationToken);
        Assert.That(next.Status, Is.EqualTo(200));
        Assert.That(Shield.Log.Errors, Is.Empty);
    }

    // Each but the first is over the limit.
    private async Task TryAsync(int count, CancellationToken cancellationToken)
    {
        for (var i = 0; i < count; i++)
        {
            var client = Keep(await Shield.ConnectAsync(cancellationToken));
            var accepting = _accepting ??= Mta.AcceptAsync(cancellationToken);
            var greeting = client.ReplyAsync(cancellationToken);
            if (await Task.WhenAny(accepting, greeting) == accepting)
            {
                var mta = await accepting;
                _accepting = null;
                await mta.SendAsync("220 mx\r\n", cancellationToken);
                Assert.That(await greeting, Does.StartWith("220 "));
                client.EndSending();
                mta.Close();
            }
            else
            {
                Assert.That(await greeting, Does.StartWith("421 "));
                client.EndSending();
            }
        }
    }

    private async Task<Socket> StalledAsync(CancellationToken cancellationToken)
    {
        var socket = await ControlHttp.ConnectAsync(Place, cancellationToken);
        socket.ReceiveBufferSize = 4096;
        await socket.SendAsync("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), cancellationToken);
        return socket;
    }

    private static string Property(string json, string name) => JsonDocument.Parse(json).RootElement.GetProperty(name).ToString();
}
