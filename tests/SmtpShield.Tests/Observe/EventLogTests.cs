using System.Text.Json;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Observe;

/// <summary>The log as JSON: a line an event, whatever is in it, and beside the mail log.</summary>
[CancelAfter(30_000)]
internal sealed partial class EventLogTests
{
    private readonly FakeTimeProvider _time = new();
    private string _directory = "";

    private string Json => Path.Combine(_directory, "events.json");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-json-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void Log_OfAnEvent_IsALineWithItsFieldsAndTheMailLogsText()
    {
        using (var provider = Open(Json))
        {
            Refused(provider.CreateLogger("SmtpShield.Admission.AdmissionLog#submission"), "Connection rate", 63, "mail.example.net[192.0.2.7]", "submission");
            Said(provider.CreateLogger("SmtpShield.Session.X"), "a \"b\"\r\n\u202e<c>", new IOException("gone"));
        }

        var lines = File.ReadAllLines(Json);
        Assert.That(lines, Is.EqualTo((string[])
        [
            """{"time":"2026-01-01T00:00:00.000Z","id":1,"name":"Refused","level":"warning","process":"smtpd","service":"submission","client":"mail.ex"""
                + """ample.net[192.0.2.7]","address":"192.0.2.7","fields":{"count":63,"subject":"Connection rate"},"text":"Connection rate limit excee"""
                + """ded: 63 from mail.example.net[192.0.2.7] for service submission"}""",
            """{"time":"2026-01-01T00:00:00.000Z","id":2,"name":"Said","level":"error","process":"smtpd","fields":{"what":"a \u0022b\u0022\r\n\u202E\u"""
                + """003Cc\u003E"},"text":"said a \u0022b\u0022\r\n\u202E\u003Cc\u003E","error":"IOException: gone"}""",
        ]));
        Assert.That(lines.Select(static line => JsonDocument.Parse(line)), Has.All.Not.Null);
    }

    [Test]
    public void Log_WithoutAName_IsNotEnabled()
    {
        using var provider = Open("");
        Assert.That(provider.CreateLogger("x").IsEnabled(LogLevel.Critical), Is.False);
        Said(provider.CreateLogger("x"), "nothing", null);
        Assert.That(Directory.GetFiles(_directory), Has.None.EndsWith("json"));
    }

    [Test]
    public void Reopen_BehindARotationANewNameAndNone_GoesWhereItShould()
    {
        var snapshot = Snapshot(Json);
        using (var maillog = new MaillogLoggerProvider(snapshot, _time))
        using (var provider = new EventLogProvider(snapshot, maillog, _time))
        {
            Said(provider.CreateLogger("x"), "one", null);
            // Whether it is written before or behind the rename, it is in the file it was opened as.
            File.Move(Json, Json + ".1");
            provider.Reopen();
            Said(provider.CreateLogger("x"), "two", null);
            snapshot.Replace(snapshot.Current with { Log = snapshot.Current.Log with { EventLogFile = Path.Combine(_directory, "nowhere", "x") } });
            Said(provider.CreateLogger("x"), "three", null);
        }

        Assert.That(File.ReadAllText(Json) + File.ReadAllText(Json + ".1"), Does.Contain("said one").And.Contain("said two").And.Contain("said three"));
        Assert.That(File.ReadAllText(Path.Combine(_directory, "mail.log")), Does.Contain(
            $"warning: shield_event_log_file: open logfile '{Path.Combine(_directory, "nowhere", "x")}': No such file or directory; create the directory "
            + $"'{Path.Combine(_directory, "nowhere")}' or change shield_event_log_file; the log as JSON goes on in: {Json}"));
    }

    private EventLogProvider Open(string path)
    {
        var snapshot = Snapshot(path);
        return new(snapshot, new MaillogLoggerProvider(snapshot, _time), _time);
    }

    private ShieldSnapshot Snapshot(string path) =>
        new(new ShieldOptions { Log = new() { MaillogFile = Path.Combine(_directory, "mail.log"), EventLogFile = path } });

    [LoggerMessage(1, LogLevel.Warning, "{Subject} limit exceeded: {Count} from {Client} for service {Service}")]
    private static partial void Refused(ILogger logger, string subject, int count, string client, string service);

    [LoggerMessage(2, LogLevel.Error, "said {What}")]
    private static partial void Said(ILogger logger, string what, Exception? exception);
}
