using System.Globalization;
using System.Net;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests.Faults;

/// <summary>
/// Something fails while clients, each at another point of its dialogue, send mail through the shield; what they were not told is accepted they send again. In
/// the end no mail is lost, none is there twice whose client has had an answer, nobody was left hanging, and nobody was told of another mail's acceptance.
/// </summary>
/// <param name="mode">When the shield dials the MTA.</param>
[TestFixtureSource(nameof(Modes)), Parallelizable(ParallelScope.Self)]
public sealed class FaultLedgerTests(DialMode mode)
{
    // Each manner at each stage.
    private const int Clients = 21;
    private const int Mails = 2;

    // shield_upstream_session_limit without shield_upstream_reserve.
    private const int SlotsOfUnknown = 80;
    private static readonly int s_stages = Enum.GetValues<MailStage>().Length;
    private static readonly int s_manners = Enum.GetValues<MailManner>().Length;

    private static readonly Dictionary<string, string> s_short = new()
    {
        ["shield_upstream_greeting_timeout"] = "2s",
        ["shield_upstream_reply_timeout"] = "2s",
        ["shield_upstream_data_done_timeout"] = "2s",
    };

    private static int s_box;
    private PostfixInstance? _one;
    private PostfixInstance? _other;

    private static IEnumerable<DialMode> Modes =>
        DialMode.All.Append(DialMode.Reused).Select(static mode => mode == DialMode.AtOnce
            ? mode with { Parameters = Set("shield_upstream_connect", "connect") } : mode);

    private PostfixInstance One => _one ?? throw new InvalidOperationException("Postfix was not started");

    private PostfixInstance Other => _other ?? throw new InvalidOperationException("Postfix was not started");

    private static IPEndPoint At(PostfixInstance mta) => mta.EndPointOf("behind");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        var starts = new[] { StartAsync(), StartAsync() };
        (_one, _other) = (await starts[0], await starts[1]);

        // Queue ids tell apart what was accepted twice, so none is used again.
        static Task<PostfixInstance> StartAsync() => PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")],
            TestContext.CurrentContext.CancellationToken, new Dictionary<string, string> { ["enable_long_queue_ids"] = "yes" });
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        foreach (var mta in new[] { _one, _other })
        {
            if (mta is not null)
                await mta.DisposeAsync();
        }
    }

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-2")]
    public Task Mta_KilledAndStartedAgain(CancellationToken cancellationToken) => PlayAsync([At(One)], async run =>
    {
        await One.KillAsync(cancellationToken);
        run.GoOn();
        await One.StartAgainAsync(cancellationToken);
    }, cancellationToken);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-2")]
    public Task Mta_OneOfTwoKilled(CancellationToken cancellationToken) => PlayAsync([At(One), At(Other)], async run =>
    {
        await One.KillAsync(cancellationToken);
        run.GoOn();
        await run.UntilSentAsync();
        await One.StartAgainAsync(cancellationToken);
    }, cancellationToken);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-3")]
    public Task Mta_StandsStillWithinAllDeadlines_NobodyNotices(CancellationToken cancellationToken) => PlayAsync([At(One)], async run =>
    {
        One.StandStill();
        try
        {
            run.GoOn();
            await run.UntilAllWaitAsync();
        }
        finally
        {
            One.GoOn();
        }

        await run.UntilSentAsync();
        Assert.That(run.Ledger.Refusals, Is.Empty);
    }, cancellationToken, Set("shield_upstream_queue_time", "20s"));

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-3")]
    public Task Mta_StandsStillBeyondAllDeadlines(CancellationToken cancellationToken) => PlayAsync([At(One)], async run =>
    {
        One.StandStill();
        try
        {
            run.GoOn();
            await run.UntilAllAreRefusedAsync();
        }
        finally
        {
            One.GoOn();
        }
    }, cancellationToken, s_short);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-3")]
    public Task Mta_OneOfTwoStandsStillBeyondDeadlines(CancellationToken cancellationToken) => PlayAsync([At(One), At(Other)], async run =>
    {
        One.StandStill();
        try
        {
            run.GoOn();
            await run.UntilSentAsync();
        }
        finally
        {
            One.GoOn();
        }
    }, cancellationToken, s_short);

    [Test, CancelAfter(120_000)]
    public Task Connections_Reset(CancellationToken cancellationToken) =>
        PlayLinkAsync(static link => link.Reset(), cancellationToken);

    [Test, CancelAfter(120_000)]
    public Task Connections_HalfClosedByTheMta(CancellationToken cancellationToken) =>
        PlayLinkAsync(static link => link.EndMtasSide(), cancellationToken);

    [Test, CancelAfter(120_000)]
    public Task Connections_NothingOfTheMtaComesAnyMore(CancellationToken cancellationToken) =>
        PlayLinkAsync(static link => link.Mute(), cancellationToken);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-17")]
    public Task Mta_StartedAgainWithOtherEhloKeywords(CancellationToken cancellationToken) => PlayAsync([At(One)], async run =>
    {
        await One.StopAsync(cancellationToken);
        run.GoOn();
        await One.StartAgainAsync(cancellationToken, Set("smtpd_discard_ehlo_keywords", "chunking, dsn, pipelining, 8bitmime"));
        await run.UntilSentAsync();
        await One.StopAsync(cancellationToken);
        await One.StartAgainAsync(cancellationToken);
    }, cancellationToken);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-31")]
    public Task Drain_OneOfTwo_NobodyNotices(CancellationToken cancellationToken) => PlayAsync([At(One), At(Other)], async run =>
    {
        await run.OrderAsync(At(One), "drain");
        run.GoOn();
        await run.UntilSessionsAsync(At(One), 0);
        await run.OrderAsync(At(One), "ready");
        await run.UntilSentAsync();
        Assert.That(run.Ledger.Refusals, Is.Empty);
    }, cancellationToken, Set("shield_upstream_queue_time", "20s"));

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-32")]
    public Task Drain_OfAll_AndReady(CancellationToken cancellationToken) => PlayAsync([At(One), At(Other)], async run =>
    {
        foreach (var mta in new[] { One, Other })
            await run.OrderAsync(At(mta), "drain");
        run.GoOn();
        foreach (var mta in new[] { One, Other })
            await run.UntilSessionsAsync(At(mta), 0);
        foreach (var mta in new[] { Other, One })
            await run.OrderAsync(At(mta), "ready");
    }, cancellationToken);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-30")]
    public Task Shield_Reloads(CancellationToken cancellationToken) => PlayAsync([At(One), At(Other)], async run =>
    {
        await run.ReloadAsync(new() { ["shield_upstream"] = $"{At(Other)}", ["shield_upstream_connect"] = "auto" });
        run.GoOn();
        await run.ReloadAsync(new() { ["shield_upstream_session_limit"] = "0" });
        await run.ReloadAsync(new() { ["shield_upstream_connect"] = "mail", ["shield_upstream_session_limit"] = "3", ["shield_upstream_reserve"] = "1" });
        await run.ReloadAsync(new() { ["shield_upstream"] = $"{At(One)}, {At(Other)}", ["shield_upstream_connect"] = "connect" });
        await run.UntilSentAsync();
    }, cancellationToken);

    [Test, CancelAfter(120_000)]
    public Task Shield_KilledWithTwoHundredTransfers(CancellationToken cancellationToken) => PlayShieldAsync(200, async run =>
    {
        run.Shield.Signal(9);
        await run.Shield.WaitForExitAsync(TimeSpan.FromSeconds(10), cancellationToken);
    }, cancellationToken);

    [Test, CancelAfter(120_000), Property("Pool", "SEAM-28")]
    public Task Shield_StoppedInOrder(CancellationToken cancellationToken) => PlayShieldAsync(Clients, async run =>
    {
        run.Shield.Signal(OutsideProcess.Terminate);
        run.GoOn();
        Assert.That(await run.Shield.WaitForExitAsync(TimeSpan.FromSeconds(40), cancellationToken), Is.Zero);
    }, cancellationToken);

    private async Task PlayLinkAsync(Action<FaultyLink> fault, CancellationToken cancellationToken)
    {
        await using var link = new FaultyLink(At(One));
        await PlayAsync([link.EndPoint], run =>
        {
            fault(link);
            run.GoOn();
            return Task.CompletedTask;
        }, cancellationToken, s_short);
    }

    private async Task PlayShieldAsync(int clients, Func<LedgerRun, Task> end, CancellationToken cancellationToken)
    {
        // One transfer for each process that the MTAs may have.
        var parameters = mode == DialMode.Released ? [] : Set("shield_upstream_session_limit", "100");
        parameters["shield_upstream_reserve"] = "0";
        await PlayAsync([At(One), At(Other)], async run =>
        {
            var ended = run.Shield;
            await end(run);
            run.Shield = await StartAsync(
                [At(One), At(Other)], new(parameters) { ["shield_listen"] = ended.EndPoint.ToString() }, cancellationToken);
            await ended.DisposeAsync();
            run.GoOn();
        }, cancellationToken, parameters, clients);
    }

    private async Task PlayAsync(
        IPEndPoint[] mtas,
        Func<LedgerRun, Task> fault,
        CancellationToken cancellationToken,
        Dictionary<string, string>? parameters = null,
        int count = Clients)
    {
        var (ledger, standstill) = (new MailLedger(), new Standstill());
        var recipient = $"box{Interlocked.Increment(ref s_box)}";
        var shield = await StartAsync(mtas, parameters ?? [], cancellationToken);
        LedgerRun? run = null;
        try
        {
            await MakeKnownAsync(shield, mtas.Length, ledger, recipient, cancellationToken);
            var clients = Enumerable.Range(0, count).Select(number => ClientOf(number, shield.EndPoint, ledger, recipient)
                .StandingAt((MailStage)(number % s_stages), standstill)).ToList();
            run = new LedgerRun(shield, clients, Mails, ledger, standstill, cancellationToken);

            // Those before MAIL, and whoever has one of the MTA's sessions.
            var before = Enumerable.Range(0, count).Count(static number => (MailStage)(number % s_stages) < MailStage.Sender);
            await run.UntilStandingAsync(mode.Name == DialMode.Released.Name ? before + 2 * mtas.Length
                : parameters?.ContainsKey("shield_upstream_session_limit") == true ? count : Math.Min(count, SlotsOfUnknown));

            await fault(run);
            await run.UntilSentAsync();
            var stored = await MailsAsync(recipient, cancellationToken);

            using (Assert.EnterMultipleScope())
            {
                Assert.That(ledger.Differences(stored), Is.Empty, () => Told(ledger));
                Assert.That(await Eventually.TryAsync(() => run.Shield.ConnectedSockets().Count == 0, TimeSpan.FromSeconds(15), cancellationToken), Is.True,
                    () => "still open:\n" + string.Join('\n', run.Shield.ConnectedSockets()));
                foreach (var mta in mtas)
                    await run.UntilSessionsAsync(mta, 0);
            }

            TestContext.Out.WriteLine(Told(ledger));
            await run.Shield.StopAsync(cancellationToken);
        }
        finally
        {
            standstill.GoOn();
            await (run?.Shield ?? shield).DisposeAsync();
        }
    }

    // As many mails at the same time as there are MTAs, so that each has said what it offers.
    private static async Task MakeKnownAsync(
        ShieldProcess shield, int mtas, MailLedger ledger, string recipient, CancellationToken cancellationToken)
    {
        var standstill = new Standstill();
        var clients = Enumerable.Range(0, mtas)
            .Select(number => ClientOf(number, shield.EndPoint, ledger, recipient).StandingAt(MailStage.Content, standstill)).ToList();
        var run = new LedgerRun(shield, clients, 1, ledger, standstill, cancellationToken);
        await run.UntilStandingAsync(mtas);
        run.GoOn();
        await run.UntilSentAsync();
    }

    private static LedgerClient ClientOf(int number, IPEndPoint server, MailLedger ledger, string recipient) =>
        new(server, new IPAddress([127, 84, (byte)(number / 250), (byte)(1 + number % 250)]), recipient, ledger, (MailManner)(number % s_manners));

    private Task<ShieldProcess> StartAsync(
        IPEndPoint[] mtas, Dictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var all = new Dictionary<string, string>
        {
            ["shield_upstream"] = string.Join(", ", mtas.AsEnumerable()),
            ["shield_upstream_queue_time"] = "5s",
            ["shield_upstream_slow_start"] = "1s",
        };
        foreach (var (name, value) in mode.Parameters.Concat(parameters))
            all[name] = value;
        return ShieldProcess.StartAsync(mtas[0], all, cancellationToken);
    }

    private static string Told(MailLedger ledger) => string.Create(CultureInfo.InvariantCulture,
        $"{ledger.Acknowledged} mails acknowledged, {ledger.Mails.Sum(static mail => mail.Unanswered)} times without an answer; refusals: ")
        + string.Join("; ", ledger.Refusals.Select(static refusal => $"{refusal.Value} x {refusal.Key}"));

    private static Dictionary<string, string> Set(string name, string value) => new() { [name] = value };

    private async Task<IReadOnlyList<StoredMail>> MailsAsync(string recipient, CancellationToken cancellationToken)
    {
        var stored = new List<StoredMail>();
        foreach (var mta in new[] { One, Other })
        {
            await mta.WaitForEmptyQueueAsync(cancellationToken);
            stored.AddRange(await StoredMail.ReadAsync(mta.MessagesOf(recipient), cancellationToken));
        }

        return stored;
    }
}
