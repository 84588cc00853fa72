using System.CommandLine;
using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Clients;
using SmtpShield.Host.Commands;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.Shadow;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The page about limits in shadow: its commands, run as printed, say what it says, octet by octet; and the API behind them.</summary>
[Platform("Linux"), InUtc, CancelAfter(120_000)]
internal sealed partial class ShadowPageTests
{
    private const string Page = "docs/tasks/new-limits-without-fear.md";

    private string _directory = "";

    private string Place => Path.Combine(_directory, "control.sock");

    private string MainCf => Path.Combine(_directory, "main.cf");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-shadow-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    [Property("Operations", "OPS-48"), Property("Operations", "J3"), Property("Operations", "J10")]
    public async Task Commands_OfThePage_PrintWhatItSays(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider(new(2026, 11, 28, 3, 0, 0, TimeSpan.Zero));
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, time, cancellationToken);
        Observe(shield);
        await PageTyper.TypeAsync(Page, TypeAsync, cancellationToken);

        Assert.That(shield.Snapshot.Current.InShadow, Is.Not.Null, "the last command puts all in shadow");
        var (_, status) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status", cancellationToken);
        Assert.That(status, Does.Match(@"""service smtp: \d+ limits have no effect, in shadow \(shield_shadow\)"""));

        async Task<string?> TypeAsync(string line)
        {
            if (line.StartsWith("smtpshield postconf -e ", StringComparison.Ordinal))
            {
                var wasInShadow = shield.Snapshot.Current.InShadow is not null;
                await EditAsync(shield, line["smtpshield ".Length..], cancellationToken);
                if (!wasInShadow && shield.Snapshot.Current.InShadow is { Limits.ClientConnectionRateLimit: 5 })
                    Happen(shield, time);
                return null;
            }

            return Asked().IsMatch(line) ? (await RunAsync(line["smtpshield ".Length..], cancellationToken)).Output : null;
        }
    }

    [Test]
    [Property("Operations", "OPS-18")]
    public async Task Report_FailOnCandidates_IsTheExitStatus(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, time, cancellationToken);
        Assert.That((await RunAsync("shadow report --fail-on-candidates", cancellationToken)).Status, Is.Zero);
        Assert.That((await RunAsync("shadow report", cancellationToken)).Output, Does.Contain("note: nothing is in shadow now (shield_shadow)\n"));

        await EditAsync(shield, "postconf -e shield_shadow=smtpd_client_connection_rate_limit=5", cancellationToken);
        Happen(shield, time);
        Assert.That((await RunAsync("shadow report --fail-on-candidates", cancellationToken)).Status, Is.EqualTo(4));
        Assert.That((await RunAsync("shadow report --fail-on-candidates --json", cancellationToken)).Status, Is.EqualTo(4));
        Assert.That((await RunAsync("shadow report", cancellationToken)).Status, Is.Zero);
        Assert.That(await RunAsync("shadow report --service nix", cancellationToken),
            Is.EqualTo((1, "smtpshield: no such service: nix (there are smtp)\n")));

        Assert.That((await RunAsync("shadow reset", cancellationToken)).Status, Is.Zero);
        Assert.That((await RunAsync("shadow report --fail-on-candidates", cancellationToken)).Status, Is.Zero);
        var (_, changes) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/changes", cancellationToken);
        Assert.That(changes, Does.Match("\"action\":\"shadow reset\",\"target\":\"all services\",\"before\":\"smtp: [0-9]+ hits in shadow\""));
    }

    /// <summary>What is in shadow would refuse a client now: by which rule and until when, and what ends it where no time does.</summary>
    [Test]
    [Property("Operations", "OPS-11")]
    public async Task Explain_ClientALimitInShadowWouldRefuse_SaysWhichAndUntilWhen(CancellationToken cancellationToken)
    {
        const string Rate = "smtpd_client_connection_rate_limit";
        const string Count = "smtpd_client_connection_count_limit";
        var time = new FakeTimeProvider(new(2026, 11, 28, 3, 0, 0, TimeSpan.Zero));
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, time, cancellationToken);
        Assert.That((await RunAsync("explain 192.0.2.7", cancellationToken)).Output, Does.Contain("\n  exempt no   shadow no   ban no\n"));
        Assert.That((await RunAsync("status", cancellationToken)).Output, Does.Match(@"\nsmtp .* no +no\n"));

        await EditAsync(shield, $"postconf -e \"shield_shadow={Rate}=5, {Count}=2, smtpd_hard_error_limit\"", cancellationToken);
        Assert.That((await RunAsync("status", cancellationToken)).Output, Does.Match(@"\nsmtp .* no +3 rules\n"));
        Assert.That((await RunAsync("explain 192.0.2.7", cancellationToken)).Output, Does.Contain("\n  exempt no   shadow no   ban no\n"), "none of them");
        Assert.That((await RunAsync("explain 127.0.0.1", cancellationToken)).Output, Does.Contain("\n  shadow no   ban no\n"), "exempt");

        var client = new ClientIdentity(new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1), "unknown");
        var key = new AnvilKey("smtp", client.Range);
        var judge = new ShadowJudge(new(new("smtp", shield.Snapshot), isUnderStress: false), key, client, shield.ShadowOf("smtp"));
        judge.JudgeAtConnect(shield.Anvil.Connect(key));
        judge.JudgeAtConnect(shield.Anvil.Connect(key));
        Assert.That((await RunAsync("explain 192.0.2.7", cancellationToken)).Output,
            Does.Contain($"\n  shadow    {Count} = 2: the next would be refused until one of its 2 connections ends\n  exempt no"));

        time.Advance(TimeSpan.FromSeconds(10));
        judge.JudgeAtConnect(shield.Anvil.Connect(key));
        for (var i = 0; i < 3; i++)
        {
            shield.Anvil.Disconnect(key);
            shield.Anvil.Connect(key);
        }

        Assert.That((await RunAsync("explain 192.0.2.7 --utc", cancellationToken)).Output, Does.Contain(
            $"\n  shadow    {Count} = 2: hit once, in 1 window, the last at 03:00:10Z; the next would be refused until 2 of its 3 connections end\n"
            + $"            {Rate} = 5: the next would be refused until 03:10:01Z\n"));
        var (_, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/clients/192.0.2.7", cancellationToken);
        Assert.That(body, Does.Contain(
            $$"""
            "shadow":[{"rule":"{{Count}}","shadow":"2","refuses":true,"hits":1,"windows":1,"messages_after":0,"count":3,"at_most":3,
            "last_at":"2026-11-28T03:00:10Z","ends":"when 2 of its 3 connections end"},
            {"rule":"{{Rate}}","shadow":"5","refuses":true,"hits":0,"windows":0,"messages_after":0,"count":6,"until":"2026-11-28T03:10:01Z"}]
            """.ReplaceLineEndings("")));
        Assert.That((await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/status", cancellationToken)).Body, Does.Contain("\"shadow_rules\":3"));

        time.Advance(TimeSpan.FromSeconds(591));
        await EditAsync(shield, "postconf -e shield_shadow=", cancellationToken);
        Assert.That((await RunAsync("explain 192.0.2.7 --utc", cancellationToken)).Output, Does.Contain(
            $"\n  shadow    {Count} = off: hit once, in 1 window, the last at 03:00:10Z\n"));
    }

    /// <summary>Where the shield sees no mail, it is not said that nobody delivers any.</summary>
    [Test]
    [Property("Operations", "OPS-18")]
    public async Task Report_StartTlsPassedOn_DoesNotKnowWhoDeliversMail(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, time, cancellationToken);
        await EditAsync(shield, "postconf -e shield_shadow=smtpd_client_connection_rate_limit=5 smtpd_tls_security_level=may", cancellationToken);
        for (var i = 0; i < 6; i++)
            Session(shield, "192.0.2.7", "unknown", messages: 0);

        Assert.That((await RunAsync("shadow report", cancellationToken)).Output, Does.Contain(": 1 client, it is unknown whether they deliver mail\n")
            .And.Match(@"\nsmtpd_client_connection_rate_limit  60        5       1        1     unknown       0 *\n"));
        Session(shield, "192.0.2.7", "unknown", messages: 1);
        Assert.That((await RunAsync("shadow report", cancellationToken)).Output, Does.Contain(": 1 client, 1 of them delivers mail\n")
            .And.Contain("\n  192.0.2.7  -  smtpd_client_connection_rate_limit  at most 7  1 window  1 message after\n"), "also without a name");
        var (_, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/shadow", cancellationToken);
        Assert.That(body, Does.Contain("\"deliver_mail_known\":false"));
    }

    /// <summary>A week of trying is not lost by a restart; what was reset stays so, even if the shield does not end as it should.</summary>
    [Test]
    [Property("Operations", "OPS-18")]
    public async Task Report_OverARestart_IsTheSameUntilItIsReset(CancellationToken cancellationToken)
    {
        const string Edit = "postconf -e \"shield_shadow=smtpd_client_connection_rate_limit=5, shield_ban_threshold=3\"";
        var time = new FakeTimeProvider(new(2026, 11, 28, 3, 0, 0, TimeSpan.Zero));
        var state = Path.Combine(_directory, "state", "shadow");
        await using var mta = new ScriptedMta();
        string before;
        await using (var shield = await StartAsync(mta, time, cancellationToken))
        {
            await EditAsync(shield, Edit, cancellationToken);
            Happen(shield, time);
            var guesser = new IPEndPoint(IPAddress.Parse("203.0.113.9"), 1);
            for (var i = 0; i < 3; i++)
            {
                using var counter = new ClientCounter(shield.Anvil, new("smtp", new ClientIdentity(guesser, "unknown").Range), guesser.Address);
                counter.NoteTooManyErrors(20, 20);
            }

            before = (await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/shadow", cancellationToken)).Body;
            Assert.That(before, Does.Contain("{\"rule\":\"shield_ban_threshold\",\"in_force\":\"off\",\"shadow\":\"3\",\"clients\":1,"));
            Assert.That(before, Does.Contain("192.0.2.7"));
            Assert.That((await RunAsync("explain 203.0.113.9", cancellationToken)).Output, Does.Contain("shield_ban_threshold = 3: hit once"));
            await shield.StopAsync(cancellationToken);
        }

        await using (var shield = await StartAsync(mta, time, cancellationToken))
        {
            await EditAsync(shield, Edit, cancellationToken);
            Assert.That((await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/shadow", cancellationToken)).Body, Is.EqualTo(before));
            Assert.That((await RunAsync("explain 203.0.113.9", cancellationToken)).Output,
                Does.Match("shield_ban_threshold = 3: hit once, .*; the next would be refused until "));

            Assert.That(await File.ReadAllTextAsync(state, cancellationToken), Does.Contain("\nclient "));
            Assert.That((await RunAsync("shadow reset", cancellationToken)).Status, Is.Zero);
            Assert.That(await File.ReadAllTextAsync(state, cancellationToken), Does.Not.Contain("\nclient ").And.Contain("\nservice smtp "));
            Assert.That((await RunAsync("explain 203.0.113.9", cancellationToken)).Output, Does.Contain(" shadow no "));
            Assert.That((await RunAsync("shadow report --fail-on-candidates", cancellationToken)).Status, Is.Zero);
        }
    }

    [TestCase("GET", "/v1/shadow?servce=smtp", 400)]
    [TestCase("GET", "/v1/shadow?service=nix", 404)]
    [TestCase("POST", "/v1/shadow", 405)]
    [TestCase("DELETE", "/v1/shadow?service=nix", 404)]
    [TestCase("GET", "/v1/shadow?service=smtp", 200)]
    [TestCase("DELETE", "/v1/shadow?service=smtp", 200)]
    [Property("Operations", "OPS-2")]
    public async Task Shadow_Request_HasItsStatus(string method, string resource, int expected, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        await using var shield = await StartAsync(mta, new FakeTimeProvider(), cancellationToken);
        var (status, _) = await ControlHttp.AskAsync(Place, new(method), resource, cancellationToken, method == "GET" ? null : "{}");
        Assert.That(status, Is.EqualTo(expected));
    }

    private async Task<ShieldUnderTest> StartAsync(ScriptedMta mta, FakeTimeProvider time, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(MainCf, $"""
            shield_listen = 127.0.0.1:0
            shield_upstream = {mta.EndPoint}
            shield_transport = {TestTransport.Name}
            shield_control_socket = {Place}
            shield_state_directory = {Directory.CreateDirectory(Path.Combine(_directory, "state")).FullName}
            myhostname = mail.example.com
            mynetworks = 127.0.0.0/8
            anvil_rate_time_unit = 600s
            smtpd_tls_security_level = none
            smtpd_client_connection_rate_limit = 60

            """, cancellationToken);
        var configuration = new ShieldConfiguration(MainCf, [], new Dictionary<string, string>(), HostFacts.Local());
        return await ShieldUnderTest.StartAsync(configuration.Read().Options!, cancellationToken, time, configuration: configuration);
    }

    private async Task EditAsync(ShieldUnderTest shield, string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter();
        var root = new RootCommand { PostconfCommand.Create(new EditAnswer(Path.Combine(_directory, "state"), TimeProvider.System, EditAnswer.Patience)) };
        await root.Parse(command + " -c " + MainCf).InvokeAsync(new InvocationConfiguration { Output = output, Error = output }, cancellationToken);
        Assert.That(output.ToString(), Does.Not.Contain("Unrecognized"));
        var (status, body) = await ControlHttp.AskAsync(Place, HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        Assert.That(status, Is.EqualTo(200), body + output);
    }

    // What a week has left: honest clients that connect once or twice in ten minutes, and others that do nothing else.
    private static void Observe(ShieldUnderTest shield)
    {
        foreach (var line in (string[])[
            "delivers 19 1:30000 2:14000 4:3000 6:1000 11:165 13:30 19:15", "other 240 1:9000 40:400 126:300"])
        {
            Assert.That(shield.Baselines.TryRestore($"smtp 20780 600 smtpd_client_connection_rate_limit {line}"), Is.True);
        }

        Assert.That(shield.Baselines.TryRestore("smtp 20781 600 smtpd_client_auth_rate_limit delivers 4 1:700 2:106 4:6"), Is.True);
        Assert.That(shield.Baselines.TryRestore("smtp 20781 600 smtpd_client_auth_rate_limit other 118 1:40 90:60"), Is.True);
        for (var i = 0; i < 2211; i++)
            shield.Anvil.Delivering.Note(ClientRange.Of(new IPAddress([10, 0, (byte)(i >> 8), (byte)i]), 32, 64));
    }

    // What happens in the three hours behind: one forwarder that sends mail and connects too often, one that is fine, and one that guesses recipients.
    private static void Happen(ShieldUnderTest shield, FakeTimeProvider time)
    {
        for (var window = 0; window < 3; window++)
        {
            for (var i = 0; i < 9; i++)
                Session(shield, "192.0.2.7", "mail.example.net", messages: i == 8 || (window == 0 && i > 3) ? 1 : 0);
            Session(shield, "198.51.100.3", "unknown", messages: 1);
            for (var i = 0; i < 40; i++)
                Session(shield, "203.0.113.9", "unknown", messages: 0);
            time.Advance(TimeSpan.FromHours(1));
        }
    }

    private static void Session(ShieldUnderTest shield, string address, string name, int messages)
    {
        var client = new ClientIdentity(new IPEndPoint(IPAddress.Parse(address), 1), name);
        var key = new AnvilKey("smtp", client.Range);
        using var counter = new ClientCounter(shield.Anvil, key);
        var judge = new ShadowJudge(new(new("smtp", shield.Snapshot), isUnderStress: false), key, client, shield.ShadowOf("smtp"));
        judge.NoteSeen();
        judge.JudgeAtConnect(counter.Connect());
        for (var i = 0; i < messages; i++)
            judge.NoteMessage();
    }

    private async Task<(int Status, string Output)> RunAsync(string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var root = new RootCommand
        {
            ShadowCommand.Create(), SuggestCommand.Create(), LimitsCommand.Create(), ExplainCommand.Create(), StatusCommand.Create(),
        };
        var status = await root.Parse(command + " --socket " + Place)
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = output }, cancellationToken);
        return (status, output.ToString());
    }

    [GeneratedRegex(@"^smtpshield (shadow |explain |limits |suggest$)")]
    private static partial Regex Asked();
}
