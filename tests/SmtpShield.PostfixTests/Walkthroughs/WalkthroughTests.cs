using System.Globalization;
using System.Text.RegularExpressions;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.Walkthroughs;

/// <summary>
/// The walkthroughs with telnet and swaks are typed, from the pages, on two hosts with a real Postfix and a shield before it; what stands on the screen and in
/// the log is what the pages show. Hosts are namespaces of this machine. What differs from run to run is not compared: times, rates, process id, revision.
/// </summary>
[TestFixture, Category("Postfix"), Parallelizable(ParallelScope.Self), CancelAfter(660_000)]
public sealed partial class WalkthroughTests
{
    private const string Folder = "tests/SmtpShield.PostfixTests/Walkthroughs";
    private const string Mark = "==== block\n";
    private const string Reply = "=== response";
    private const string DelayedReply = "=== response, delayed";
    private const int IsTooSlow = 77;

    private static readonly string[] s_pages = ["docs/tasks/see-the-connection-rate-limit.md", "docs/tasks/see-the-other-limits.md"];
    // smtpd_error_sleep_time of the second page.
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    [Test]
    public async Task Pages_TypedFromTopToBottom_ShowWhatHappens(CancellationToken cancellationToken)
    {
        RealPostfix.Require();
        foreach (var program in (string[])["unshare", "ip", "telnet", "swaks", "python3"])
            RealPostfix.RequireProgram(program);
        if (!File.Exists("/etc/postfix/master.cf"))
            Assert.Ignore("Postfix is not configured: /etc/postfix/master.cf is missing");
        if ((await InNamespacesAsync("ip link add mail type veth peer name other", "/", cancellationToken)).Status != 0)
            Assert.Ignore("namespaces with a network can't be made here");
        var directory = Directory.CreateTempSubdirectory("smtpshield-walk-").FullName;
        try
        {
            var script = $"{Repository.Read($"{Folder}/sandbox.sh")}cd \"$REPOSITORY\"\nexec python3 {Folder}/type.py {string.Join(' ', s_pages)}\n";
            var (status, output) = await InNamespacesAsync(script, directory, cancellationToken);
            if (status == IsTooSlow)
                Assert.Ignore("what a page does within a minute, or within ten seconds, took longer on this machine");
            Assert.That(status, Is.Zero, output);
            var shown = output.Split(Mark)[1..];
            var expected = s_pages.SelectMany(page => Block().Matches(Repository.Read(page))).Select(block => block.Groups["text"].Value).ToArray();
            Assert.That(shown, Has.Length.EqualTo(expected.Length), output);
            foreach (var (onPage, onScreen) in expected.Zip(shown))
                Assert.That(Seen(onPage, onScreen), Is.EqualTo(Comparable(onPage)), output);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [TestCase("=== response in 2s", "=== response in 3s", true)]
    [TestCase("=== response in 2s", "=== response in 1s", false)]
    [TestCase("=== response in 0s", "=== response in 2s", true)]
    [TestCase("=== response in 0s", "250 ok", false)]
    [TestCase("Nov 29 01:53:35 mail smtpshield/smtpd[253]: x", "Dec  1 11:00:00 host smtpshield/smtpd[7]: x", true)]
    [TestCase("Nov 29 01:53:35 mail smtpshield/smtpd[253]: x", "Nov 29 01:53:35 mail smtpshield/smtpd[253]: y", false)]
    [TestCase("127.0.0.1:10025   up     2/90      2ms       -          -    0", "127.0.0.1:10025 up 2/90 0ms 1ms 9.9s 0", true)]
    [TestCase("127.0.0.1:10025   up     2/90      2ms       -          -    0", "127.0.0.1:10025 up 3/90 0ms 1ms 9.9s 0", false)]
    [TestCase("log 2.7 lines/s, 0 lost", "log 12 lines/s, 0 lost", true)]
    public void Seen_OfALine_LeavesOutWhatDiffersFromRunToRun(string onPage, string onScreen, bool isSame) =>
        Assert.That(Seen(onPage, onScreen).SequenceEqual(Comparable(onPage)), Is.EqualTo(isSame));

    // What is on the screen, in the page's words where these promise less: a reply that no limit delays may be late as well, on a slow machine.
    private static List<string> Seen(string onPage, string onScreen)
    {
        var promised = Comparable(onPage);
        return [.. Comparable(onScreen).Select((line, index) => line == DelayedReply && promised.ElementAtOrDefault(index) == Reply ? Reply : line)];
    }

    // Lines about clients come in their order, and so do those about the program; which of two threads writes first, nobody knows.
    private static List<string> Comparable(string block) => [.. block.TrimEnd('\n').Split('\n').Select(WithoutTimes)
        .OrderBy(static line => line.StartsWith("smtpshield/master", StringComparison.Ordinal))];

    private static string WithoutTimes(string line)
    {
        if (ResponseTime().Match(line) is { Success: true } time)
            return int.Parse(time.Groups["seconds"].Value, CultureInfo.InvariantCulture) < s_delay.TotalSeconds ? Reply : DelayedReply;
        line = Varying().Replace(Stamp().Replace(line, "${daemon}[PID]: "), "#");
        return Blanks().Replace(MtaRow().Replace(line, "${state} # # # "), " ");
    }

    private static Task<(int Status, string Output)> InNamespacesAsync(string script, string directory, CancellationToken cancellationToken) =>
        OutsideProcess.RunAsync(
            "unshare",
            ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "env", $"SANDBOX={directory}", $"REPOSITORY={Repository.Root}",
                $"PROGRAM={string.Join(' ', ShieldProgram.Command)}", "bash", "-c", "exec bash <(cat) 2>&1"],
            s_limit,
            cancellationToken,
            script);

    [GeneratedRegex(@"(?ms)^```\n(?<text>.*?)^```$")]
    private static partial Regex Block();

    [GeneratedRegex(@"^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ (?<daemon>smtpshield/\w+)\[\d+\]: ")]
    private static partial Regex Stamp();

    // Version and uptime, times of the day, revisions, lines of the imported file, rates.
    [GeneratedRegex(@"(?<=^SmtpShield )\S+, up [^,]+|\d\d:\d\d:\d\d|(?<=revision )\d+|(?<=main\.cf:)\d+|(?<![\d.])\d+\.\d(?![\d.])|\d+(?= lines/s)")]
    private static partial Regex Varying();

    [GeneratedRegex(@"^=== response in (?<seconds>\d+)s$")]
    private static partial Regex ResponseTime();

    // How fast the MTA greets and replies.
    [GeneratedRegex(@"^(?<state>127\.0\.0\.1:10025 +up +\d+/\d+) +\S+ +\S+ +\S+ +")]
    private static partial Regex MtaRow();

    [GeneratedRegex(" +")]
    private static partial Regex Blanks();
}
