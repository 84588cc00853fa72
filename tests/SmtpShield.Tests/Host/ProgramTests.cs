using SmtpShield.Options;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.Host;

/// <summary>The program as it is typed by somebody who does not know it yet.</summary>
[CancelAfter(60_000)]
public sealed class ProgramTests
{
    [TestCase("-V"), TestCase("--version")]
    public async Task Version_EitherWay_IsPrinted(string option, CancellationToken cancellationToken)
    {
        var (status, output) = await RunAsync([option], cancellationToken);

        Assert.That((status, output.Split('+')[0].Trim()), Is.EqualTo((0, ShieldConfigurationWatcher.Version)));
    }

    [TestCase("", "Commands:")]
    [TestCase("check", "--probe")]
    [TestCase("run", "Run the proxy until SIGTERM.")]
    [TestCase("status", "--json")]
    [TestCase("upstream", "drain")]
    public async Task Help_AsACommand_SaysWhatTheOptionSays(string command, string part, CancellationToken cancellationToken)
    {
        string[] about = command.Length > 0 ? [command] : [];
        var (status, output) = await RunAsync(["help", .. about], cancellationToken);

        Assert.That((status, output), Is.EqualTo((0, (await RunAsync([.. about, "--help"], cancellationToken)).Output)));
        Assert.That(output, Does.Contain(part));
    }

    [Test]
    public async Task Help_OfACommandThatIsNone_SaysWhichThereAre(CancellationToken cancellationToken)
    {
        var (status, output) = await RunAsync(["help", "chekc"], cancellationToken);

        Assert.That((status, output), Is.EqualTo((1, output)));
        Assert.That(output, Does.Contain("'chekc'").And.Contain("'check'"));
    }

    [Test]
    public async Task Run_NoConfigurationFile_SaysHowToMakeOne(CancellationToken cancellationToken)
    {
        var path = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString());

        Assert.That(await RunAsync(["run", "-c", path], cancellationToken), Is.EqualTo((1,
            $"smtpshield: fatal: {path}: open {path}: No such file or directory (make one: smtpshield init -o {path}, or for a "
                + $"Postfix smtpshield import /etc/postfix -o {path}; or name yours with -c)\n")));
    }

    private static Task<(int ExitCode, string Output)> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        OutsideProcess.RunAsync(ShieldProgram.Built[0], [ShieldProgram.Built[1], .. arguments],
            TimeSpan.FromSeconds(50), cancellationToken);
}
