using System.Net.Sockets;
using System.Text;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Monitoring;

/// <summary>What systemd hears of a shield that it watches.</summary>
[Platform("Linux"), NonParallelizable, CancelAfter(60_000), Property("Operations", "OPS-39")]
internal sealed class WatchdogTests
{
    private static readonly string[] s_variables = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("smtpshield-watchdog-").FullName;

    [TearDown]
    public void RemoveFolder()
    {
        foreach (var variable in s_variables)
            Environment.SetEnvironmentVariable(variable, null);
        Directory.Delete(_folder, recursive: true);
    }

    [TestCase("", true)]
    [TestCase("own", true)]
    [TestCase("1", false)]
    public async Task Shield_ThatIsWatched_SaysThatItWorks(string process, bool isWatched, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_folder, "notify");
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(path));
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
        Environment.SetEnvironmentVariable("WATCHDOG_USEC", "100000");
        Environment.SetEnvironmentVariable("WATCHDOG_PID", process == "own" ? $"{Environment.ProcessId}" : process);
        await using var mta = new ScriptedMta();

        await using var shield = await ShieldUnderTest.StartAsync(ShieldUnderTest.Before(mta), cancellationToken);
        if (isWatched)
            await HearAsync("WATCHDOG=1");
        // All the time: the shield waits for a manager that reads nothing.
        var hearing = HearAsync("STOPPING=1");
        await shield.StopAsync(cancellationToken);
        var heard = await hearing;
        Assert.That(isWatched || !heard.Contains("WATCHDOG=1"), Is.True, string.Join(' ', heard));

        async Task<List<string>> HearAsync(string last)
        {
            var messages = new List<string>();
            var buffer = new byte[1000];
            while (messages.LastOrDefault() != last)
                messages.Add(Encoding.ASCII.GetString(buffer, 0, await manager.ReceiveAsync(buffer.AsMemory(), cancellationToken)));
            return messages;
        }
    }
}
