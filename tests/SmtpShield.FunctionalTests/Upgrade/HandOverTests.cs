using System.Net;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Upgrade;

/// <summary>The program itself, which hands over to another process of it: nobody outside can tell.</summary>
[Platform("Linux"), CancelAfter(180_000)]
internal sealed class HandOverTests
{
    private const int Sending = 4;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly MailStage[] _stages = Enum.GetValues<MailStage>();

    private LedgerSink _sink = null!;

    [SetUp]
    public void StartSink() => _sink = new();

    [TearDown]
    public ValueTask StopSink() => _sink.DisposeAsync();

    [TestCase("epoll")]
    [TestCase("sockets")]
    public async Task Upgrade_UnderLoad_EachMailArrivesOnceAndNobodyIsRefused(string transport, CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(new() { ["shield_transport"] = transport }, cancellationToken);
        var (ledger, standstill) = (new MailLedger(), new Standstill());
        using var enough = new CancellationTokenSource();

        // One at each stage of a session, as long as the hand-over lasts; and others who come, send a mail and go, one after the other.
        var standing = _stages.Select(stage => NewClient(shield, ledger, 10 + (int)stage, (MailManner)((int)stage % 2)).StandingAt(stage, standstill)
            .SendAsync(2, cancellationToken)).ToList();
        var sending = Enumerable.Range(0, Sending).Select(number => SendOnAndOnAsync(shield, ledger, number, enough.Token, cancellationToken)).ToList();
        await UntilAsync(() => standstill.Standing == _stages.Length && ledger.Acknowledged > 2 * Sending, "all are under way", cancellationToken);

        var answers = await Task.WhenAll(shield.UpgradeAsync(cancellationToken), shield.UpgradeAsync(cancellationToken));
        Assert.That(answers.Select(static answer => answer.Status), Is.EquivalentTo(new[] { 200, 409 }), "of two at once, one is done");
        Assert.That(answers.Single(static answer => answer.Status == 409).Body, Does.Contain("another upgrade is under way").Or.Contain("handed over already"));
        var successor = answers.Max(static answer => answer.Process);

        var before = ledger.Acknowledged;
        await UntilAsync(() => ledger.Acknowledged > before + (5 * Sending), "the new process is sent mail", cancellationToken);
        Assert.That(shield.HasExited, Is.False, "the old one has sessions");
        standstill.GoOn();
        await Task.WhenAll(standing);
        await enough.CancelAsync();
        await Task.WhenAll(sending);

        await UntilAsync(() => shield.HasExited, "the old process has ended", cancellationToken);
        Assert.Multiple(() =>
        {
            Assert.That(shield.ExitCode, Is.Zero);
            Assert.That(ledger.Differences(_sink.Stored), Is.Empty);
            Assert.That(ledger.Refusals, Is.Empty);
            Assert.That(shield.AllLines, Does.Match($@"smtpd\[{shield.Id}\]: disconnect from .* mail=2"));
            Assert.That(shield.AllLines, Does.Match($@"smtpd\[{successor}\]: disconnect from .* mail=1"));
        });
        await shield.StopSuccessorsAsync(cancellationToken);
    }

    [Test]
    public async Task Upgrade_NewOneDoesNotStart_TheOldOneGoesOn(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync([], cancellationToken);
        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_timeout"] = "soon" }, cancellationToken);
        var (status, body, _) = await shield.UpgradeAsync(cancellationToken);
        Assert.That((status, body), Is.EqualTo((409, body)));
        Assert.That(body, Does.Contain("smtpd_timeout"));
        await GreetsAsync(shield, cancellationToken);

        // This one fails later, when the old one has let clients wait: somebody else listens at its second address.
        await using var other = new ScriptedMta();
        await shield.SaveAsync(
            new Dictionary<string, string> { ["smtpd_timeout"] = "300s", ["shield_listen"] = $"{shield.EndPoint}, {other.EndPoint}" }, cancellationToken);
        (status, body, _) = await shield.UpgradeAsync(cancellationToken);
        Assert.That(status, Is.EqualTo(409));
        Assert.That(body, Does.Contain($"bind 127.0.0.1 port {other.EndPoint.Port}: Address already in use"));
        await GreetsAsync(shield, cancellationToken);
        Assert.That(shield.AllLines, Does.Match(@"warning: upgrade by uid \d+( \(\w+\))? failed, this process goes on: bind 127\.0\.0\.1"));
        await shield.StopAsync(cancellationToken);
    }

    private Task<ShieldProcess> StartAsync(Dictionary<string, string> parameters, CancellationToken cancellationToken) => ShieldProcess.StartAsync(
        _sink.EndPoint,
        new Dictionary<string, string>(parameters) { ["shield_drain_timeout"] = "300s", ["smtpd_client_connection_count_limit"] = "0" },
        cancellationToken);

    private static LedgerClient NewClient(ShieldProcess shield, MailLedger ledger, int number, MailManner manner) =>
        new(shield.EndPoint, IPAddress.Parse($"127.0.60.{number}"), "box", ledger, manner) { Patience = s_limit };

    private static async Task SendOnAndOnAsync(
        ShieldProcess shield, MailLedger ledger, int number, CancellationToken enough, CancellationToken cancellationToken)
    {
        while (!enough.IsCancellationRequested)
            await NewClient(shield, ledger, 30 + number, (MailManner)(number % 2)).SendAsync(1, cancellationToken);
    }

    private static async Task GreetsAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse("127.0.60.1"), cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
    }

    private static Task UntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(condition, s_limit, what, cancellationToken);
}
