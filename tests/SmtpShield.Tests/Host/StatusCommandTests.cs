using System.Text.Json;
using System.Text.RegularExpressions;
using SmtpShield.Control;
using SmtpShield.Control.Status;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing;
using Spectre.Console;

namespace SmtpShield.Tests.Host;

/// <summary>What <c>status</c> makes of an answer.</summary>
public sealed partial class StatusCommandTests
{
    // What the page shows.
    private static readonly ShieldStatus _status = new(
        ShieldConfigurationWatcher.Version, 812, At("2026-11-27T22:05:25Z"), 18400, Draining: false, 14,
        [new("smtp", ["0.0.0.0:25", "[::]:25"], 14, 100, Stress: false) { ConnectionsS = 312.4, MessagesS = 18.2, RefusedS = 287.1 }],
        [
            new("smtp", "mta1.example.com:25", "up", 14) { Kept = 2, Limit = 90, LimitInForce = 90, Waiting = 0, Since = At("2026-11-27T22:05:25Z") },
            new("smtp", "mta2.example.com:25", "down", 0) { Since = At("2026-11-28T03:11:40Z"), Reason = "Connection refused" },
        ],
        Truncated: false,
        ["/etc/smtpshield/main.cf has changes that take effect after a restart"],
        new("/etc/smtpshield/main.cf", 3, At("2026-11-28T03:12:05Z"), At("2026-11-28T03:12:05Z"), Refused: false, NeedsRestart: true, [], Truncated: false))
    {
        Clients = new(88213, 1_000_000, 0) { Limited = 41, Untracked = 0 },
        History = new(3120, 65_536, 0),
        Log = new(1_200_331, 0) { LinesS = 12 },
    };

    [Test]
    [Property("Operations", "OPS-4")]
    public void Print_OfThePagesSituation_IsWhatThePageShows()
    {
        var page = Repository.Read("docs/reference/commands.md");
        const string Command = "$ smtpshield status\n";
        var block = page[(page.IndexOf(Command, StringComparison.Ordinal) + Command.Length)..].Split("```")[0];

        // Local times, in a place where they are those of UTC.
        var here = TimeZoneInfo.CreateCustomTimeZone("here", TimeSpan.Zero, displayName: null, standardDisplayName: null);
        Assert.That(Printed(writer => new PlainOutput(writer, here)), Is.EqualTo(block));
    }

    [TestCase(false), TestCase(true)]
    [Property("Operations", "OPS-4")]
    public void Print_ToATerminalOf80Columns_FitsAndHasColoursUnlessNobodyWantsThem(bool hasColors)
    {
        var printed = Printed(writer =>
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
        var table = Sequence().Replace(printed, "").Split('\n').SkipWhile(static line => !line.Contains("UPSTREAM", StringComparison.Ordinal))
            .TakeWhile(static line => line.Trim().Length > 0);
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
        var fine = _status with { Attention = [], Upstreams = [_status.Upstreams[0]] };
        Assert.Multiple(() =>
        {
            Assert.That(StatusCommand.StatusOf(fine), Is.Zero);
            Assert.That(StatusCommand.StatusOf(_status), Is.EqualTo(1), "one MTA of two is down, and a restart is needed");
            Assert.That(StatusCommand.StatusOf(fine with { Upstreams = [_status.Upstreams[1]] }), Is.EqualTo(2), "no MTA");
            Assert.That(StatusCommand.StatusOf(fine with { Services = [_status.Services[0] with { Sessions = 99 }] }), Is.Zero);
            Assert.That(StatusCommand.StatusOf(fine with { Services = [_status.Services[0] with { Sessions = 100 }] }), Is.EqualTo(2), "no place");
            Assert.That(StatusCommand.StatusOf(fine with { Upstreams = [] }), Is.Zero);
        });
    }

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture);

    private static string Printed(Func<TextWriter, PlainOutput> make)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        StatusCommand.Print(JsonSerializer.Serialize(_status, ControlJson.Default.ShieldStatus), make(writer));
        return writer.ToString();
    }

    [GeneratedRegex("\u001B\\[[0-9;]*m")]
    private static partial Regex Sequence();
}
