using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.Options;

namespace SmtpShield.FunctionalTests.Observe;

/// <summary>The mail log with real files and a real syslog socket.</summary>
public partial class MaillogLoggerProviderTests
{
    private string _folder = null!;

    private string LogFile => Path.Combine(_folder, "maillog");

    private string SyslogPath => Path.Combine(_folder, "log");

    // One each of the events that stand for a Postfix process.
    private const int ListeningEvent = 1000;
    private const int LimitsEvent = 1300;
    private const int SessionEvent = 1400;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("smtpshield-log-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Log_ToFile_AppendsPostfixLines()
    {
        File.WriteAllText(LogFile, "before\n");

        using (var provider = Open(LogFile))
        {
            Log(provider, SessionEvent, "connect from unknown[192.0.2.7]");
            Log(provider, ListeningEvent, "daemon started");
        }

        var lines = File.ReadAllLines(LogFile);
        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines[0], Is.EqualTo("before"));
        Assert.That(lines[1],
            Does.Match($@"^[A-Z][a-z]{{2}} \d\d \d\d:\d\d:\d\d mx1 smtpshield/smtpd\[{Environment.ProcessId}\]: connect from unknown\[192\.0\.2\.7\]$"));
        Assert.That(lines[2], Does.EndWith($" smtpshield/master[{Environment.ProcessId}]: daemon started"));
    }

    [Test, Platform(Exclude = "Win"), System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void Open_NewFile_IsForItsOwnerOnly()
    {
        using (Open(LogFile))
        {
        }

        Assert.That(File.GetUnixFileMode(LogFile), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    public void Open_ParentMissing_NamesFileAndRemedy()
    {
        var path = Path.Combine(_folder, "missing", "maillog");

        Assert.That(
            () => Open(path).Dispose(),
            Throws.TypeOf<MaillogFileException>().With.Message.EqualTo(
                $"open logfile '{path}': No such file or directory; create the directory '{Path.GetDirectoryName(path)}' or change maillog_file"));
    }

    [Test]
    public void Open_Directory_SaysSo() =>
        Assert.That(() => Open(_folder).Dispose(),
            Throws.TypeOf<MaillogFileException>().With.Message.EqualTo($"open logfile '{_folder}': Is a directory; name a file in maillog_file"));

    [Test]
    public void Reopen_AfterRotation_WritesToTheNewFile()
    {
        using (var provider = Open(LogFile))
        {
            Log(provider, SessionEvent, "old");
            File.Move(LogFile, LogFile + ".1");
            provider.Reopen();
            Log(provider, SessionEvent, "new");
        }

        Assert.That(File.ReadAllText(LogFile), Does.EndWith(": new\n"));
    }

    [Test, CancelAfter(10_000)]
    public async Task Log_AfterTruncation_LeavesNoHole(CancellationToken cancellationToken)
    {
        using (var provider = Open(LogFile))
        {
            Log(provider, SessionEvent, new string('x', 1000));
            while (new FileInfo(LogFile).Length < 1000)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await Task.Yield();
            }

            File.WriteAllText(LogFile, "");
            Log(provider, SessionEvent, "y");
        }

        Assert.That(File.ReadAllText(LogFile), Does.Not.Contain("\0").And.EndsWith(": y\n"));
    }

    [Test]
    public void Reopen_Impossible_KeepsTheOldFileAndWarns()
    {
        var snapshot = new ShieldSnapshot(OptionsFor(LogFile));
        var missing = Path.Combine(_folder, "missing", "maillog");
        using (new MaillogLoggerProvider(snapshot, TimeProvider.System, SyslogPath))
            snapshot.Replace(OptionsFor(missing));

        Assert.That(File.ReadAllText(LogFile),
            Does.Contain($"]: warning: open logfile '{missing}': No such file or directory; ").And.EndsWith(": keeping the old logfile\n"));
    }

    [Test, Platform(Exclude = "Win")]
    public void IsThere_LinkOfADaemonThatHasGone_IsNot()
    {
        var link = Path.Combine(_folder, "log");
        Assert.That(SyslogSink.IsThere(link), Is.False, "nothing");
        File.CreateSymbolicLink(link, SyslogPath + "-of-one-that-has-gone");
        Assert.That(SyslogSink.IsThere(link), Is.False, "a link to nothing");
        using var daemon = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        daemon.Bind(new UnixDomainSocketEndPoint(SyslogPath + "-of-one-that-has-gone"));
        Assert.That(SyslogSink.IsThere(link), Is.True, "a link to one");
    }

    [Test]
    public void Replace_OtherFile_IsUsedFromThenOn()
    {
        var snapshot = new ShieldSnapshot(OptionsFor(LogFile));
        using (var provider = new MaillogLoggerProvider(snapshot, TimeProvider.System, SyslogPath))
        {
            snapshot.Replace(OptionsFor(LogFile + "2"));
            Log(provider, SessionEvent, "x");
        }

        Assert.That(File.ReadAllText(LogFile + "2"), Does.EndWith(": x\n"));
    }

    [Test, CancelAfter(20_000), Platform(Exclude = "Win")]
    public async Task Log_SyslogDaemonRestarted_ReachesTheNewOne(CancellationToken cancellationToken)
    {
        using var provider = OpenWithDaemon(out var daemon);
        Log(provider, LimitsEvent, "first");
        var first = await ReceiveAsync(daemon, cancellationToken);

        daemon.Dispose();
        File.Delete(SyslogPath);
        Log(provider, LimitsEvent, "while it is away");
        using var restarted = Daemon();
        Log(provider, LimitsEvent, "second");

        Assert.That(first, Does.Match($@"^<22>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d smtpshield/anvil\[{Environment.ProcessId}\]: first$"));
        Assert.That(await ReceiveAsync(restarted, cancellationToken), Does.EndWith(": while it is away"));
        Assert.That(await ReceiveAsync(restarted, cancellationToken), Does.EndWith(": second"));
    }

    [Test]
    public void AddMaillog_LoggerFactory_LogsInformationButNotDebug()
    {
        using (var factory = LoggerFactory.Create(logging =>
        {
            logging.AddMaillog();
            Microsoft.Extensions.DependencyInjection.ServiceCollectionServiceExtensions.AddSingleton(logging.Services, new ShieldSnapshot(OptionsFor(LogFile)));
        }))
        {
            Messages.Information(factory.CreateLogger("SmtpShield"), "shown");
            Messages.Debug(factory.CreateLogger("SmtpShield"), "not shown");
        }

        Assert.That(File.ReadAllLines(LogFile), Has.Length.EqualTo(1));
    }

    private static void Log(MaillogLoggerProvider provider, int id, string text) =>
        provider.CreateLogger("SmtpShield").Log(LogLevel.Information, new EventId(id), text, exception: null, static (text, _) => text);

    private static ShieldOptions OptionsFor(string file) =>
        new() { Smtpd = new SmtpdOptions { MyHostname = "mx1.example.org" }, Log = new LogOptions { MaillogFile = file } };

    private static async Task<string> ReceiveAsync(Socket daemon, CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, await daemon.ReceiveAsync(buffer.AsMemory(), cancellationToken));
    }

    private MaillogLoggerProvider Open(string file) => new(new ShieldSnapshot(OptionsFor(file)), TimeProvider.System, SyslogPath);

    private MaillogLoggerProvider OpenWithDaemon(out Socket daemon)
    {
        daemon = Daemon();
        return Open("");
    }

    private Socket Daemon()
    {
        var daemon = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        daemon.Bind(new UnixDomainSocketEndPoint(SyslogPath));
        return daemon;
    }

    private static partial class Messages
    {
        [LoggerMessage(1, LogLevel.Information, "{Text}")]
        public static partial void Information(ILogger logger, string text);

        [LoggerMessage(2, LogLevel.Debug, "{Text}")]
        public static partial void Debug(ILogger logger, string text);
    }
}
