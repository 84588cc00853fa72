using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.Host;

/// <summary>What the shells make of the scripts: each is given to its shell, which then is asked to complete.</summary>
[CancelAfter(120_000)]
public sealed class CompletionTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(50);

    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-completion-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("sta", "status")]
    [TestCase("upstream ", "drain list probe ready")]
    [TestCase("upstream list --ser", "--service")]
    [TestCase("top --sort a", "auth_failures auths")]
    [TestCase("help upst", "upstream")]
    [TestCase("completion ", "bash fish zsh")]
    [TestCase("postconf smtpd_hard", "smtpd_hard_error_limit")]
    [TestCase("top --service su", "submission")]
    [TestCase("status -c main", "main.cf")]
    [TestCase("status -c run --js", "--json")]
    [TestCase("nothing.known zq", "")]
    public async Task Words_OfEachShell_AreThoseThatFit(string typed, string expected, CancellationToken cancellationToken)
    {
        foreach (var shell in (string[])["bash", "fish"])
        {
            if (shell != "bash" && !OutsideProcess.IsInstalled(shell))
                continue;
            // The program itself is only asked for the services.
            var script = await ScriptAsync(shell, cancellationToken);
            await File.WriteAllTextAsync(Path.Combine(_directory, "main.cf"), "", cancellationToken);
            var words = typed.Split(' ');
            var ask = shell == "bash"
                ? $"""
                    smtpshield() {"{ echo smtp, submission; }"}
                    compopt() {"{ :; }"}
                    cd {_directory}; . {script}
                    COMP_WORDS=(smtpshield {string.Join(' ', words.Select(static word => $"'{word}'"))}); COMP_CWORD={words.Length}; _smtpshield
                    printf '%s\n' "${"{COMPREPLY[@]}"}"
                    """
                : $"""
                    function smtpshield; echo smtp, submission; end
                    cd {_directory}; source {script}
                    complete -C 'smtpshield {typed}' | string replace -r '\t.*' ''
                    """;
            var (_, output) = await OutsideProcess.RunAsync(shell, ["-c", ask], s_limit, cancellationToken);

            Assert.That(output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal), Is.EqualTo(
                expected.Split(' ', StringSplitOptions.RemoveEmptyEntries)), $"{shell}: {typed}");
        }
    }

    // As somebody types it: the shell completes with the key, and what it makes of the line is run.
    [TestCase("bash", "smtpshield upst\tdra\t\n", "<upstream drain >")]
    [TestCase("bash", "smtpshield top --sor\tnearn\t\n", "<top --sort nearness >")]
    [TestCase("zsh", "smtpshield upst\tdra\t\n", "<upstream drain >")]
    [TestCase("zsh", "smtpshield top --sor\tnearn\t\n", "<top --sort nearness >")]
    public async Task Key_AtATerminal_CompletesTheLine(string shell, string keys, string expected, CancellationToken cancellationToken)
    {
        if (!OutsideProcess.IsInstalled("script") || !OutsideProcess.IsInstalled(shell))
            Assert.Ignore($"script and {shell} are not both installed");
        var script = await ScriptAsync(shell, cancellationToken);
        var begin = Path.Combine(_directory, "begin");
        var prepare = shell == "zsh" ? "autoload -U compinit; compinit -D -u\n" : "";
        await File.WriteAllTextAsync(
            begin, $"{prepare}. {script}\nsmtpshield() {{ printf '<'; printf '%s ' \"$@\"; echo '>'; }}\n", cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_directory, "keys"), $". {begin}\n{keys}exit\n", cancellationToken);
        var options = shell == "bash" ? "--noprofile --norc -i" : "-f -i";
        var (_, output) = await OutsideProcess.RunAsync(
            "bash", ["-c", $"cd {_directory}; TERM=dumb script -qefc '{shell} {options}' /dev/null < keys"], s_limit, cancellationToken);

        Assert.That(output, Does.Contain(expected));
    }

    private async Task<string> ScriptAsync(string shell, CancellationToken cancellationToken)
    {
        var (status, text) = await OutsideProcess.RunAsync(
            ShieldProgram.Built[0], [ShieldProgram.Built[1], "completion", shell], s_limit, cancellationToken);
        Assert.That(status, Is.Zero, text);
        var path = Path.Combine(_directory, "completion." + shell);
        await File.WriteAllTextAsync(path, text, cancellationToken);
        return path;
    }
}
