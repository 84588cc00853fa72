using System.Text.Json;
using System.Text.RegularExpressions;
using SmtpShield.Control;
using SmtpShield.Control.Status;
using SmtpShield.Control.Upstreams;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing;
using Spectre.Console;

namespace SmtpShield.Tests.Host;

/// <summary>What <c>status</c> makes of an answer.</summary>
public sealed partial class StatusCommandTests
{
    private const string Attention = "smtp: smtpd_client_connection_rate_limit = 5 ends in 48m and was hit 17225 times in the last hour";

    // What the page shows first: one service and one MTA, and all is well.
    private static readonly ShieldStatus _status = new(
        ShieldConfigurationWatcher.Version, 812, At("2026-11-16T23:12:05Z"), (12 * 24 + 4) * 3600 + 59, Draining: false, 4830,
        [new("smtp", ["0.0.0.0:25", "[::]:25"], 4812, 10_000, Stress: false) { ConnectionsS = 312.4, MessagesS = 18.2, RefusedS = 287.1, ShadowRules = 2 }],
        [
            new("smtp", "127.0.0.1:10025", "up", 64)
            {
                Kept = 2, Limit = 90, LimitInForce = 90, Waiting = 0, GreetingMs = 11, ReplyP50Ms = 3, ReplyP99Ms = 41, FailedMin = 0,
                Since = At("2026-11-27T22:05:25Z"), Reason = "",
            },
        ],
        Truncated: false,
        [Attention],
        new("/etc/smtpshield/main.cf", 8, At("2026-11-28T03:12:05Z"), At("2026-11-28T03:12:05Z"), Refused: false, NeedsRestart: false, [], Truncated: false))
    {
        Clients = new(88213, 1_000_000, 0) { Limited = 41, Untracked = 0 },
        History = new(3120, 65_536, 0),
        Log = new(1_200_331, 0) { LinesS = 12 },
        Bans = new(12, 3, 100_000, []) { Kernel = new(813, At("2026-11-28T03:12:05Z"), Away: false, 2, 9, 6, 3, Owner: true) },
        Overrides = 1,
    };

    private static readonly UpstreamReport _pressed = _status.Upstreams[0] with
    {
        Name = "mta1.example.com:25", Sessions = 90, Waiting = 31, ReplyP50Ms = 1250, ReplyP99Ms = 12_500, Stress = 2, StressReason = "slow",
    };

    // And then: two services, of which one is full, and an MTA that is away.
    private static readonly ShieldStatus _trouble = _status with
    {
        UptimeS = 754,
        Services =
        [
            _status.Services[0] with { Sessions = 10_000, Stress = true, ShadowRules = 0 },
            new("submission", ["0.0.0.0:587"], 14, 100, Stress: false) { ConnectionsS = 0.8, MessagesS = 0.5, RefusedS = 0 },
        ],
        Upstreams =
        [
            _pressed,
            new("smtp", "mta2.example.com:25", "down", 0) { FailedMin = 12, Waiting = 0, Since = At("2026-11-28T03:11:40Z"), Reason = "Connection refused" },
            _pressed with { Service = "submission" },
        ],
        Attention = ["service smtp: all 10000 sessions are in use, further clients wait (default_process_limit)"],
        Overrides = 0,
        Clients = new(1_000_000, 1_000_000, 12) { Limited = 2, Untracked = 7 },
        History = new(65_536, 65_536, 5),
    };

    [Test]
    [Property("Operations", "OPS-4")]
    public void Print_AllIsWell_IsThisOctetByOctet() => Assert.That(Printed(_status), Is.EqualTo($"""
        SmtpShield {ShieldConfigurationWatcher.Version}, up 12d 4h, /etc/smtpshield/main.cf, revision 8, 1 override
        SERVICE     SESSIONS  LIMIT  CONN/S  MAIL/S  REFUSED/S  STRESS  SHADOW
        smtp            4812  10000   312.4    18.2      287.1  no      2 rules
        MTA               STATE  SESSIONS  GREETING  REPLY P50  P99   FAILED/MIN
        127.0.0.1:10025   up     64/90     11ms      3ms        41ms  0
        clients 88213 of 1000000   limited 41   banned 12 (kernel 9)   log 12 lines/s, 0 lost
        attention: {Attention}

        """));

    [Test]
    [Property("Operations", "OPS-4")]
    public void Print_OfThePagesSituations_IsWhatThePageShows()
    {
        var page = Repository.Read("docs/reference/commands.md");
        const string Command = "$ smtpshield status\n";
        var blocks = page.Split(Command)[1..].Select(static part => part.Split("```")[0]).ToList();

        Assert.That(new[] { Printed(_status), Printed(_trouble) }, Is.EqualTo(blocks));
    }

    [Test]
    public void Print_OfOneService_SaysWhereItListens() => Assert.That(Printed(_status, hasPlaces: true),
        Does.Contain("REFUSED/S  STRESS  SHADOW   LISTENS\n").And.Contain("287.1  no      2 rules  0.0.0.0:25 [::]:25\n"));

    [TestCase(0, ExpectedResult = "0s"), TestCase(59, ExpectedResult = "59s"), TestCase(60, ExpectedResult = "1m 0s"),
        TestCase(7199, ExpectedResult = "1h 59m"), TestCase(86_400, ExpectedResult = "1d 0h")]
    public string Print_Uptime_HasTwoUnits(int seconds) => Printed(_status with { UptimeS = seconds }).Split(", ")[1]["up ".Length..];

    [Test]
    public void Print_WhileItStops_SaysSo() =>
        Assert.That(Printed(_status with { Draining = true }).Split('\n')[0], Does.EndWith("revision 8, 1 override, stopping"));

    [TestCase(false), TestCase(true)]
    [Property("Operations", "OPS-4")]
    public void Print_ToATerminalOf80Columns_FitsAndHasColoursUnlessNobodyWantsThem(bool hasColors)
    {
        var printed = Printed(_trouble, hasPlaces: false, writer =>
        {
            var console = AnsiConsole.Create(new()
            {
                Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.Yes,
                ColorSystem = hasColors ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors, Interactive = InteractionSupport.No,
            });
            console.Profile.Width = 80;
            return new TerminalOutput(console, writer, TimeZoneInfo.Utc);
        });

        Assert.That(printed, Does.Contain("mta1").And.Contain("attention:"));
        Assert.That(printed.Contains("\u001B[31m", StringComparison.Ordinal), Is.EqualTo(hasColors));
        var table = Sequence().Replace(printed, "").Split('\n').SkipWhile(static line => !line.Contains("MTA", StringComparison.Ordinal))
            .TakeWhile(static line => !line.StartsWith("clients ", StringComparison.Ordinal));
        Assert.That(table.Where(static line => line.TrimEnd().Length > 80), Is.Empty, printed);
    }

    [Test]
    [Property("Operations", "OPS-44")]
    public void Table_OfHostileTextsToATerminal_HasNoSequencesButItsOwn()
    {
        using var writer = new StringWriter();
        var console = AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(writer), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });
        new TerminalOutput(console, writer, TimeZoneInfo.Utc).Table(["A", "B"], [["\u001B[31mx", "[red]y[/]\u202E\u009B"]]);
        new TerminalOutput(console, writer, TimeZoneInfo.Utc).Line("[bold]\u001B[2J");

        Assert.That(writer.ToString(), Does.Contain("?[31mx").And.Contain("[red]y[/]??").And.Contain("[bold]?[2J").And.Not.Contain("\u001B"));
    }

    [Test]
    [Property("Operations", "OPS-5")]
    public void StatusOf_EachSituation_IsNagios()
    {
        var fine = _status with { Attention = [] };
        Assert.Multiple(() =>
        {
            Assert.That(StatusCommand.StatusOf(fine), Is.Zero);
            Assert.That(StatusCommand.StatusOf(_status), Is.EqualTo(1), "something ends soon");
            Assert.That(StatusCommand.StatusOf(fine with { Upstreams = [_trouble.Upstreams[1]] }), Is.EqualTo(2), "no MTA");
            Assert.That(StatusCommand.StatusOf(fine with { Services = [_status.Services[0] with { Sessions = 9_999 }] }), Is.Zero);
            Assert.That(StatusCommand.StatusOf(fine with { Services = [_status.Services[0] with { Sessions = 10_000 }] }), Is.EqualTo(2), "no place");
            Assert.That(StatusCommand.StatusOf(fine with { Upstreams = [] }), Is.Zero);
        });
    }

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture);

    private static string Printed(ShieldStatus status, bool hasPlaces = false, Func<TextWriter, PlainOutput>? make = null)
    {
        // Local times, in a place where they are those of UTC.
        var here = TimeZoneInfo.CreateCustomTimeZone("here", TimeSpan.Zero, displayName: null, standardDisplayName: null);
        using var writer = new StringWriter { NewLine = "\n" };
        StatusCommand.Print(JsonSerializer.Serialize(status, ControlJson.Default.ShieldStatus), make?.Invoke(writer) ?? new(writer, here), hasPlaces);
        return writer.ToString();
    }

    [GeneratedRegex("\u001B\\[[0-9;]*m")]
    private static partial Regex Sequence();
}
