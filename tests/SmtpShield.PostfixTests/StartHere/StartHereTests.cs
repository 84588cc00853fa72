using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.StartHere;

/// <summary>
/// The way of somebody new: the commands of docs/tasks/start-here.md are typed, from the page, on a machine with a Postfix that has submission, SASL, TLS and
/// limits; what they print is what the page says, clients find what they should before, after the switch, after the tuning and after the undo. The machine is
/// this one, in namespaces with a file system and a network of their own.
/// <para>
/// What is different from the page: .NET is there already, so what comes from Microsoft's package feed is left out; where <c>tests/run</c> has published the
/// program by the page's command, that takes its place and is not done a second time; systemd can't run, and a stand-in starts what the unit file says;
/// mail.example.com is 127.0.0.1, and the other host another address of the loopback network.
/// </para>
/// </summary>
[TestFixture, Category("Postfix"), Parallelizable(ParallelScope.Self)]
public sealed partial class StartHereTests
{
    private const string Page = "docs/tasks/start-here.md";
    private const string Publish = "dotnet publish src/SmtpShield.Host -c Release -p:PublishAot=true -o ";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    private static readonly (string Section, string State)[] Looks = [("Switch", "guarded"), ("Tune", "tuned"), ("Undo", "before")];

    [Test, CancelAfter(660_000)]
    public async Task Page_TypedFromTopToBottom_GuardsPostfixAndGivesItBack(CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        foreach (var program in (string[])["unshare", "setpriv", "swaks", "python3", "openssl", "systemd-sysusers", "dotnet"])
            RealPostfix.RequireProgram(program);
        if (!File.Exists("/etc/postfix/master.cf"))
            Assert.Ignore("Postfix is not configured: /etc/postfix/master.cf is missing");
        if ((await InNamespacesAsync("true", "/", cancellationToken)).Status != 0)
            Assert.Ignore("namespaces can't be made here");
        var steps = Steps().ToList();
        var directory = Directory.CreateTempSubdirectory("smtpshield-start-").FullName;
        try
        {
            var (status, output) = await InNamespacesAsync(Script(steps), directory, cancellationToken);
            TestContext.Out.WriteLine(output);
            Assert.That(status, Is.Zero, output);
            var printed = Outputs(output);
            for (var i = 0; i < steps.Count; i++)
                AssertPrints(steps[i], printed[i]);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Test]
    public void Program_OfTheTests_IsPublishedByThePagesCommand() => Assert.That(
        (Steps().Count(static step => step.Command.StartsWith(Publish, StringComparison.Ordinal)),
            Repository.Read("tests/run").Contains($"{Publish}\"$results/program\"", StringComparison.Ordinal)),
        Is.EqualTo((1, true)));

    [Test]
    public void Page_IsTheFirstOfTheList() =>
        Assert.That(Repository.Read("docs/README.md").IndexOf("](", StringComparison.Ordinal),
            Is.EqualTo(Repository.Read("docs/README.md").IndexOf("](tasks/start-here.md)", StringComparison.Ordinal)));

    private static Task<(int Status, string Output)> InNamespacesAsync(string script, string directory, CancellationToken cancellationToken) =>
        OutsideProcess.RunAsync(
            "unshare",
            ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "env", $"SANDBOX={directory}", $"REPOSITORY={Repository.Root}",
                "DOTNET_CLI_TELEMETRY_OPTOUT=1", "DOTNET_NOLOGO=1", "bash", "-c", "exec bash <(cat) 2>&1"],
            s_limit,
            cancellationToken,
            script);

    // The commands of the page in their order, each with what it prints.
    private static IEnumerable<Step> Steps()
    {
        var (section, isInside, command, lines) = ("", false, "", new List<string>());
        foreach (var line in File.ReadLines(Repository.PathOf(Page)).Append("## "))
        {
            if (command.Length > 0 && (!isInside || line == "```" || Prompt().IsMatch(line)))
            {
                yield return new Step(section, command, lines);
                (command, lines) = ("", []);
            }
            if (!isInside && line.StartsWith("## ", StringComparison.Ordinal))
                section = line[3..];
            else if (line == "```")
                isInside = !isInside;
            else if (isInside && Prompt().IsMatch(line))
                command = line[2..];
            else if (isInside)
                lines.Add(line);
        }
    }

    private static string Script(IReadOnlyList<Step> steps)
    {
        var script = new StringBuilder(Repository.Read("tests/SmtpShield.PostfixTests/StartHere/sandbox.sh"));
        for (var i = 0; i < steps.Count; i++)
        {
            var command = steps[i].IsFromFeed
                ? $": {steps[i].Command}"
                : steps[i].Command.StartsWith(Publish, StringComparison.Ordinal) && ShieldProgram.PublishedPath is { } program
                ? $"mkdir -p {steps[i].Command[Publish.Length..]} && cp -a {Path.GetDirectoryName(program)}/. {steps[i].Command[Publish.Length..]}"
                : steps[i].Command.StartsWith("swaks ", StringComparison.Ordinal) ? $"{steps[i].Command} --local-interface 127.85.0.9" : steps[i].Command;
            // swaks fails when it was refused, which is what it is there for.
            var quoted = command.Replace("'", @"'\''", StringComparison.Ordinal);
            var mayFail = command.StartsWith("swaks ", StringComparison.Ordinal) ? " || true" : "";
            script.Append(null, $"echo \"{Mark}{i}\"\necho '# {quoted}'\n{command}{mayFail}\n");
            if (i + 1 == steps.Count || steps[i + 1].Section != steps[i].Section)
            {
                foreach (var (_, state) in Looks.Where(look => look.Section == steps[i].Section))
                    script.Append(null, $"echo \"{Mark}-\"\nlook {state}\n");
            }
        }
        script.Append("[ -z \"$(find /usr/lib/smtpshield -name '*.pdb' -o -name '*.xml')\" ] || { echo 'more than the program was published'; exit 1; }\n");
        return script.Append("files | diff \"$SANDBOX/files-before\" - && [ ! -e /etc/smtpshield/main.cf ] && echo 'Postfix is as it was'\npostfix stop\n")
            .ToString();
    }

    private const string Mark = "==== command ";

    private static string[] Outputs(string output) => [.. output.Split(Mark).Where(part => part.Length > 0 && char.IsAsciiDigit(part[0]))];

    private static void AssertPrints(Step step, string output)
    {
        var actual = output.Split('\n');
        var next = 0;
        foreach (var line in step.Lines.Where(line => line != "…"))
        {
            var expected = new Regex("^ *" + Regex.Escape(line).Replace("…", ".*", StringComparison.Ordinal) + "$", RegexOptions.CultureInvariant);
            next = Array.FindIndex(actual, next, expected.IsMatch) + 1;
            Assert.That(next, Is.GreaterThan(0), $"{step.Command} does not print, in this order: {line}\n{output}");
        }
    }

    private sealed record Step(string Section, string Command, IReadOnlyList<string> Lines)
    {
        public bool IsFromFeed => Command.Split(' ')[0] is "wget" or "dpkg" or "apt-get";
    }

    [GeneratedRegex(@"^[#$] [a-z]")]
    private static partial Regex Prompt();
}
