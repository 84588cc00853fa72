using System.CommandLine;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Host;

/// <summary><c>smtpshield postconf -e</c> beside a running shield: it says what is in force, and its status says it too.</summary>
[Platform("Linux"), CancelAfter(120_000)]
public sealed class EditAnswerTests
{
    private string _directory = "";
    private string _mainCf = "";

    private string StatePath => Path.Combine(_directory, "configuration");

    [SetUp]
    public void MakeDirectory()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-edit-").FullName;
        _mainCf = Path.Combine(_directory, "main.cf");
        File.WriteAllText(_mainCf,
            $"shield_listen = 127.0.0.1:{LoopbackPorts.Take()}\nshield_upstream = 127.0.0.1:9\nmaillog_file = {Path.Combine(_directory, "maillog")}\n");
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private (int Status, string[] Lines) Edit(params string[] arguments)
    {
        using var error = new StringWriter();
        var root = new RootCommand { PostconfCommand.Create(new EditAnswer(StatePath, TimeProvider.System, TimeSpan.FromSeconds(60))) };
        var status = root.Parse(["postconf", "-c", _mainCf, .. arguments]).Invoke(new InvocationConfiguration { Output = error, Error = error });
        return (status, error.ToString().Replace(_mainCf, "main.cf", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private async Task<OutsideProcess> StartAsync(CancellationToken cancellationToken, params string[] overrides)
    {
        var process = ShieldProgram.Start(
            ["run", "-c", _mainCf, .. overrides],
            environment: new Dictionary<string, string> { ["RUNTIME_DIRECTORY"] = _directory });
        await Eventually.HoldsAsync(() => process.HasExited || ConfigurationStateFile.Read(StatePath) is not null, TimeSpan.FromSeconds(30),
            "it says what is in force", cancellationToken);
        Assert.That(process.HasExited, Is.False, process.Output);
        return process;
    }

    [Test]
    public async Task Edit_RunningShield_SaysInForceOrWhyNot(CancellationToken cancellationToken)
    {
        await using var shield = await StartAsync(cancellationToken, "-o", "smtpd_soft_error_limit=4");

        Assert.That(Edit("-e", "smtpd_hard_error_limit=5"), Is.EqualTo((0, (string[])["postconf: in force"])));
        Assert.That(Edit("-e", "smtpd_hard_error_limit=5"), Is.EqualTo((0, (string[])["postconf: in force"])), "again");
        Assert.That(Edit("-e", "smtpd_timout=5"), Is.EqualTo((0, (string[])["postconf: warning: main.cf, line 5: unknown parameter: "
            + "smtpd_timout (did you mean smtpd_timeout?)", "postconf: in force"])));
        Assert.That(Edit("-e", "smtpd_timeout=abc"), Is.EqualTo((1, (string[])[
            "postconf: error: main.cf, line 6: parameter smtpd_timeout: bad time value or unit: abc (write a whole number and one of s, m, h, d, w, as in 30s)",
            "postconf: not in force: the running shield keeps its earlier configuration",
            "postconf: the running shield: main.cf, line 6: parameter smtpd_timeout: bad time value or unit: abc (write a whole number and one of s, m, h, "
                + "d, w, as in 30s)"])));
        Assert.That(Edit("-X", "smtpd_timeout", "smtpd_timout"), Is.EqualTo((0, (string[])["postconf: in force"])));
        Assert.That(Edit("-e", "smtpd_soft_error_limit=7"),
            Is.EqualTo((1, (string[])["postconf: smtpd_soft_error_limit: not in force: the running shield has it from -o, its environment or limits set"])));
        Assert.That(Edit("-e", "shield_listen=127.0.0.1:1"),
            Is.EqualTo((0, (string[])[
                "postconf: in force, but for a parameter that is read at start only, which takes effect after a restart"])));
        var (status, lines) = Edit("-X", "shield_upstream");
        Assert.That((status, lines[0]), Is.EqualTo((1, "postconf: not in force: the running shield keeps its earlier configuration")),
            string.Join('\n', lines));
        Assert.That(lines[1], Does.Contain("shield_upstream was set and is not any more"));

        shield.Signal(OutsideProcess.Terminate);
        await shield.WaitForExitAsync(TimeSpan.FromSeconds(30), cancellationToken);
        Assert.That(File.Exists(StatePath), Is.False);
    }

    [Test]
    public void Edit_NoRunningShield_SaysSoAndTheStatusIsThatOfTheFile()
    {
        Assert.That(Edit("-e", "smtpd_timeout=5"), Is.EqualTo((0, (string[])["postconf: no running shield is known that reads main.cf: the next start does"])));
        Assert.That(Edit("-e", "smtpd_timeout=abc"), Is.EqualTo((1, (string[])[
            "postconf: error: main.cf, line 4: parameter smtpd_timeout: bad time value or unit: abc (write a whole number and one of s, m, h, d, w, as in 30s)",
            "postconf: no running shield is known that reads main.cf: the next start would fail"])));
    }

    [Test]
    public void Read_FileOfAShieldThatWasKilled_IsNobodys()
    {
        File.WriteAllText(StatePath, $"{_mainCf}\nABC\nin force\nend\n");
        Assert.That(ConfigurationStateFile.Read(StatePath), Is.Null);
        using var state = new ConfigurationStateFile(StatePath);
        state.Write(new(_mainCf, "ABC", true, false, ["a"]));
        Assert.That(ConfigurationStateFile.Read(StatePath), Has.Property("Digest").EqualTo("ABC").And.Property("Remarks").EqualTo((string[])["a"]));
        using var second = new ConfigurationStateFile(StatePath);
        second.Write(new(_mainCf, "DEF", true, false, []));
        Assert.That(ConfigurationStateFile.Read(StatePath)!.Digest, Is.EqualTo("ABC"), "another shield's");
    }
}
