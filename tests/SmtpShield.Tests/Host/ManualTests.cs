using System.Text.RegularExpressions;
using SmtpShield.Host.Manual;
using SmtpShield.Options.Parameters;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Tests.Host;

/// <summary>The manual pages: nothing is forgotten in them, and the programs that show them have nothing to say against them.</summary>
[CancelAfter(120_000)]
public sealed partial class ManualTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(50);

    [Test]
    public async Task Commands_OfTheHelp_AreInThePageWithAllTheirOptions(CancellationToken cancellationToken)
    {
        var page = await RunAsync(["man", "1"], cancellationToken);
        var commands = NamesIn(await RunAsync(["--help"], cancellationToken), "Commands:").ToList();

        Assert.That(commands, Does.Contain("upstream").And.Contain("man"));
        foreach (var command in commands)
        {
            var section = Section().Split(page).SingleOrDefault(part => part.StartsWith(command + "\n", StringComparison.Ordinal)) ?? "";
            var help = await RunAsync([command, "--help"], cancellationToken);
            var below = NamesIn(help, "Commands:").ToList();
            foreach (var sub in below)
                help += await RunAsync([command, sub, "--help"], cancellationToken);
            Assert.That(Option().Matches(help).Select(static found => found.Value).Concat(below).Where(word =>
                word is not ("-h" or "--help" or "-?") && !section.Contains(Roff.Escape(word), StringComparison.Ordinal)), Is.Empty, command);
            Assert.That(section, Does.Contain(Roff.Escape(FirstLine(help))), command);
        }
    }

    [Test]
    public void Parameters_All_AreInThePageWithTheirDefaults()
    {
        var sections = Section().Split(ParametersManual.Page()).Skip(1).ToDictionary(static part => part.Split('\n')[0]);

        Assert.That(sections.Keys, Is.EqualTo(ParameterCatalog.All.Keys));
        Assert.That(sections.Where(static part => !part.Value.Contains(@"\fIDefault:\fR", StringComparison.Ordinal)), Is.Empty);
        Assert.That(sections["smtpd_hard_error_limit"], Does.Contain(@"\fB${stress?{1}:{20}}\fR"));
    }

    [TestCase("1", "groff", "-man -Tutf8 -ww -z"), TestCase("5", "groff", "-man -Tutf8 -ww -z")]
    [TestCase("1", "groff", "-man -Tascii -ww -z"), TestCase("5", "groff", "-man -Tascii -ww -z")]
    [TestCase("1", "mandoc", "-T lint -W warning"), TestCase("5", "mandoc", "-T lint -W warning")]
    public async Task Page_ReadByWhatShowsIt_IsNotComplainedOf(string section, string reader, string options, CancellationToken cancellationToken)
    {
        if (!OutsideProcess.IsInstalled(reader))
            Assert.Ignore($"{reader} is not installed");
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, await RunAsync(["man", section], cancellationToken), cancellationToken);
            var (_, output) = await OutsideProcess.RunAsync(reader, [.. options.Split(' '), path], s_limit, cancellationToken);

            // Its day is that of the build, and nobody's business.
            Assert.That(output.Split('\n').Where(static line => line.Length > 0 && !line.Contains("missing date", StringComparison.Ordinal)), Is.Empty);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestCase("plain -x 'y'", @"plain \-x \(aqy\(aq")]
    [TestCase("a `b-c` and **d**", @"a \fBb\-c\fR and \fBd\fR")]
    [TestCase("[smtpd_timeout](smtpd_timeout.md), [more](../x.md#y), [`q`](z.md)", @"\fIsmtpd_timeout\fR, more, \fBq\fR")]
    [TestCase(".begins `.` \\", @"\&.begins \fB.\fR \e")]
    [TestCase("421 … ≤ ž", @"421 ... \(<= \[u017E]")]
    public void Inline_OfAPage_IsRoff(string markdown, string roff) => Assert.That(MarkdownPage.Inline(markdown), Is.EqualTo(roff));

    [Test]
    public void Write_EachKindOfBlock_IsItsMacro()
    {
        var roff = new System.Text.StringBuilder();
        MarkdownPage.Write("one\ntwo\n\n| A | B | C |\n| --- | --- | --- |\n| `x` | a \\| b | c |\n\n- i\n  j\n- k\n\n```\n.code\n```\n### more", roff);

        Assert.That(roff.ToString(), Is.EqualTo(
            ".PP\none two\n.TP\n\\fBx\\fR\nB: a | b\n.br\nC: c\n.IP \\(bu 2\ni\nj\n.IP \\(bu 2\nk\n.PP\n.RS 4\n.EX\n\\&.code\n.EE\n.RE\n.PP\n\\fBmore\\fR\n"));
    }

    private static async Task<string> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var (status, output) = await OutsideProcess.RunAsync(ShieldProgram.Built[0], [ShieldProgram.Built[1], .. arguments], s_limit, cancellationToken);
        Assert.That(status, Is.Zero, output);
        return output;
    }

    private static IEnumerable<string> NamesIn(string help, string heading) => help.Split('\n')
        .SkipWhile(line => line.TrimEnd() != heading).Skip(1).TakeWhile(static line => line.StartsWith("  ", StringComparison.Ordinal))
        .Where(static line => line[2] != ' ').Select(static line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]);

    private static string FirstLine(string help) => help.Split('\n').SkipWhile(static line => line != "Description:").Skip(1).First().Trim().Split(". ")[0];

    [GeneratedRegex(@"^\.SS ", RegexOptions.Multiline)]
    private static partial Regex Section();

    [GeneratedRegex(@"(?<=^ {2}(-., )?)--?[a-zA-Z#-]+", RegexOptions.Multiline)]
    private static partial Regex Option();
}
