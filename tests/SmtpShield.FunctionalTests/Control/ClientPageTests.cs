using System.CommandLine;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Host.Commands;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Protocol;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// The commands of the pages that are about clients, run as they are printed, in their order, on a shield where the same has happened: octet by octet they say
/// what the page says. Who asks is whoever runs the test; the page has somebody else.
/// </summary>
[Platform("Linux"), InUtc, CancelAfter(120_000)]
[Property("Operations", "OPS-4")]
internal sealed partial class ClientPageTests
{
    private string _directory = "";

    private string Place => Path.Combine(_directory, "control.sock");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-page-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("docs/reference/commands.md")]
    [TestCase("docs/tasks/why-is-this-client-limited.md")]
    [TestCase("docs/tasks/we-banned-a-partner.md")]
    [Property("Operations", "J2"), Property("Operations", "J6")]
    public async Task Commands_OfThePage_PrintWhatItSays(string page, CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider(new(2026, 11, 28, 3, 12, 1, TimeSpan.Zero));
        await using var mta = new ScriptedMta();
        var options = ShieldUnderTest.Before(mta);
        await using var shield = await ShieldUnderTest.StartAsync(
            options with
            {
                Control = new() { Socket = Place, StateDirectory = _directory },
                Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) },
                Limits = new() { ClientConnectionRateLimit = 60, ClientEventLimitExceptions = AddressPatternList.Parse("127.0.0.0/8") },
            },
            cancellationToken, time);
        using var kept = Happen(shield, time);

        await PageTyper.TypeAsync(
            page, async line => Typed().IsMatch(line) ? await RunAsync(line["smtpshield ".Length..], cancellationToken) : null, cancellationToken);
    }

    [Test]
    public async Task Quiet_OfEachState_IsTheExitStatus(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(
            ShieldUnderTest.Before(mta) with
            {
                Control = new() { Socket = Place },
                Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) },
                Limits = new() { ClientConnectionRateLimit = 60 },
            },
            cancellationToken, time);
        using var kept = Happen(shield, time);

        Assert.Multiple(async () =>
        {
            Assert.That(await StatusAsync("explain 192.0.2.7 --quiet"), Is.EqualTo((4, "")));
            Assert.That(await StatusAsync("explain 192.0.2.8 --quiet"), Is.EqualTo((0, "")));
            Assert.That(await StatusAsync("explain 192.0.2.7 --quiet --service nix"), Is.EqualTo((1, "smtpshield: no such service: nix (there are smtp)\n")));
            Assert.That(await StatusAsync("disallow 192.0.2.7"), Is.EqualTo((1, "smtpshield: 192.0.2.7 is not exempted by allow (allow --list shows all)\n")));
            Assert.That(await StatusAsync("allow 192.0.2.7 --for 31d"), Is.EqualTo((1,
                "smtpshield: for_s is out of range (an exemption lasts 1 to 2592000 seconds)\n")));
            Assert.That((await StatusAsync("allow 192.0.2.7")).Status, Is.EqualTo(1));
            Assert.That((await StatusAsync("allow 192.0.2.7 --for 1h30m")).Output, Does.Contain("bad time: 1h30m"));
            Assert.That((await StatusAsync("top --sort size")).Status, Is.EqualTo(1));
        });

        Assert.That((await StatusAsync("release 192.0.2.7")).Status, Is.Zero);
        Assert.That((await StatusAsync("explain 192.0.2.7 --quiet")).Status, Is.Zero);

        async Task<(int Status, string Output)> StatusAsync(string command)
        {
            using var output = new StringWriter { NewLine = "\n" };
            return (await InvokeAsync(command, output, cancellationToken), output.ToString());
        }
    }

    [Test]
    [Property("Operations", "OPS-44")]
    public async Task Output_OfEveryCommandWithHostileText_HasNoSequenceInIt(CancellationToken cancellationToken)
    {
        const string Hostile = "\u001B[31m\u202E\u009B\nx";
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(
            ShieldUnderTest.Before(mta) with { Control = new() { Socket = Place }, Limits = new() { ClientConnectionRateLimit = 1 } }, cancellationToken);
        using (var hostile = new ClientCounter(shield.Anvil, new("smtp", ClientRange.Of(IPAddress.Parse("203.0.113.9"), 32, 64))))
        {
            hostile.NoteError(Verb.Rcpt, 550, 1);
            hostile.NoteReply(new(Encoding.UTF8.GetBytes("550 " + Hostile)));
        }

        foreach (string[] command in (string[][])[
            ["allow", "192.0.2.0/24", "--for", "1h", "--why", Hostile], ["allow", Hostile, "--for", "1h"], ["release", Hostile], ["explain", Hostile],
            ["release", "192.0.2.7", "--for", "1h", "--why", Hostile], ["disallow", Hostile], ["explain", "192.0.2.7"], ["allow", "--list"], ["changes"],
            ["top", "--prefix", Hostile], ["top"], ["status"], ["status", "--service", Hostile], ["status", "--check"], ["status", "--json"],
            ["upstream", "list"], ["upstream", "list", Hostile], ["upstream", "drain", Hostile, "--why", Hostile], ["changes", "--after", Hostile],
            ["explain", "203.0.113.9"], ["explain", "192.0.2.7", "--json"], ["changes", "--json"], ["allow", "--list", "--json"]])
        {
            using var output = new StringWriter { NewLine = "\n" };
            await Root().Parse([.. command, "--socket", Place]).InvokeAsync(new InvocationConfiguration { Output = output, Error = output }, cancellationToken);
            Assert.That(output.ToString(), Is.Not.Empty.And.Matches(@"\A[ -~\n]*\z"), string.Join(' ', command[0]));
        }
    }

    // What has happened when the pages begin, at 03:16:48: one is far above its connection rate, one near it, one sends mail.
    private static ClientConnections Happen(ShieldUnderTest shield, FakeTimeProvider time)
    {
        var all = new ClientConnections();
        var limits = shield.Snapshot.Current.Limits;
        for (var i = 0; i < 12; i++)
            shield.Anvil.Delivering.Note(ClientRange.Of(IPAddress.Parse("192.0.2.7"), 32, 64));
        for (var i = 0; i < 3; i++)
            all.Connect(shield, "192.0.2.7", limits, stays: true);
        var mail = all.Connect(shield, "203.0.113.9", limits, stays: true);
        for (var i = 0; i < 9; i++)
            mail.Count(AnvilEvent.Message);
        mail.NoteError(Verb.Rcpt, 550, 1);
        time.Advance(TimeSpan.FromSeconds(40));
        for (var i = 0; i < 50; i++)
            all.Connect(shield, "198.51.100.3", limits, stays: false);
        for (var i = 0; i < 59; i++)
            all.Connect(shield, "192.0.2.7", limits, stays: false);
        time.Advance(TimeSpan.FromSeconds(247));
        all.Connect(shield, "192.0.2.7", limits, stays: false);
        var banned = new Ban(ClientRange.Of(IPAddress.Parse("198.51.100.77"), 32, 128), time.GetUtcNow(), time.GetUtcNow().AddSeconds(2400))
        {
            Level = 2,
            Rule = "shield_client_auth_failure_rate_limit",
            Hits = 5,
        };
        Assert.That(shield.Bans.TryAdd(banned, out _), Is.True);
        return all;
    }

    private async Task<string> RunAsync(string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter { NewLine = "\n" };
        await InvokeAsync(command, output, cancellationToken);
        return output.ToString();
    }

    private Task<int> InvokeAsync(string command, TextWriter output, CancellationToken cancellationToken) =>
        Root().Parse(command + " --socket " + Place).InvokeAsync(new InvocationConfiguration { Output = output, Error = output }, cancellationToken);

    private static RootCommand Root() => new("smtpshield")
    {
        TopCommand.Create(), ExplainCommand.Create(), ReleaseCommand.Create(), AllowCommand.Create(), DisallowCommand.Create(), ChangesCommand.Create(),
        StatusCommand.Create(), UpstreamCommand.Create(), BanCommand.Create(), UnbanCommand.Create(), BansCommand.Create(),
    };

    [GeneratedRegex(@"^smtpshield (top|explain|release|allow|disallow|changes|ban|unban|bans(?! --kernel))\b")]
    private static partial Regex Typed();

    private sealed class ClientConnections : IDisposable
    {
        private readonly List<ClientCounter> _open = [];

        public ClientCounter Connect(ShieldUnderTest shield, string address, SmtpdLimitOptions limits, bool stays)
        {
            var counter = new ClientCounter(shield.Anvil, new("smtp", ClientRange.Of(IPAddress.Parse(address), 32, 64)));
            if (ClientLimits.JudgeAtConnect(counter.Connect(), limits) is { } hit)
                counter.NoteRefusal(hit, limits, 421);
            if (stays)
                _open.Add(counter);
            else
                counter.Dispose();
            return counter;
        }

        public void Dispose() => _open.ForEach(static counter => counter.Dispose());
    }
}
