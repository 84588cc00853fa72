using System.Net;
using SmtpShield.FunctionalTests.Listening;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Host;

/// <summary>The program compiled ahead of time, as it is installed: what it can do without that the build's program can't.</summary>
[Platform("Linux")]
public sealed class NativeProgramTests
{
    // What systemd's MemoryDenyWriteExecute= does on a kernel from 6.3 on: prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN).
    private const string NoNewCode =
        "import ctypes, os, sys\n"
        + "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0: sys.exit(77)\n"
        + "if len(sys.argv) > 1: os.execvp(sys.argv[1], sys.argv[1:])\n";

    [SetUp]
    public void RequireIt()
    {
        if (!ShieldProgram.IsNative)
            Assert.Ignore("There is no program compiled ahead of time: tests/run makes one, and names it in SMTPSHIELD_TEST_PROGRAM");
    }

    [Test, CancelAfter(60_000)]
    public async Task Run_MemoryNeverBecomesCode_ServesSessionsAndItsControlSocket(CancellationToken cancellationToken)
    {
        if ((await OutsideProcess.RunAsync("python3", ["-c", NoNewCode], TimeSpan.FromSeconds(30), cancellationToken)).ExitCode == 77)
            Assert.Ignore("The kernel can't forbid new code: it is older than 6.3");
        await using var mta = AnsweringMta.Start();
        await using var shield = await ShieldProcess.StartAsync(
            mta.EndPoint, new Dictionary<string, string>(), cancellationToken, ["python3", "-c", NoNewCode]);

        await using (var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken))
        {
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
            Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.StartWith("250"));
        }

        var (status, output) = await ShieldProgram.RunAsync(
            ["status", "--socket", shield.ControlSocket], TimeSpan.FromSeconds(30), cancellationToken);
        Assert.That((status, output), Is.EqualTo((0, output)));
        await shield.StopAsync(cancellationToken);
    }

    [Test, CancelAfter(60_000)]
    public async Task Run_NoDotNetOnTheHost_NeedsNone(CancellationToken cancellationToken)
    {
        await using var mta = AnsweringMta.Start();
        await using var shield = await ShieldProcess.StartAsync(mta.EndPoint, new Dictionary<string, string>(), cancellationToken);

        Assert.That(File.ReadAllText($"/proc/{shield.Id}/maps"), Does.Not.Contain("/dotnet").And.Not.Contain(".dll").And.Not.Contain("coreclr"));
        await shield.StopAsync(cancellationToken);
    }
}
