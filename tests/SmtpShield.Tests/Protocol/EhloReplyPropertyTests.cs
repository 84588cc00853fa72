using System.Text;
using FsCheck;
using FsCheck.Fluent;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class EhloReplyPropertyTests
{
    private static readonly string[] _followed = ["PIPELINING", "SIZE", "CHUNKING", "BINARYMIME", "LIMITS", "DSN", "XVERP", "AUTH"];

    private static readonly string[] _lines =
    [
        "PIPELINING", "size 5", "CHUNKING", "chunking", "BINARYMIME", "DSN", "XVERP", "AUTH=LOGIN", "AUTH LOGIN", "XCLIENT NAME",
        "X-OWN", "X-PASSED y", "", " ",
        "LIMITS RCPTMAX=5000", "LIMITS MAILMAX=5000 RCPTMAX=5000", "limits rcptmax=50", "LIMITS RCPTMAX=x RCPTMAX=99999999999999999999",
    ];

    [Test]
    public void Filter_AnyReply_IsAsByTheReference()
    {
        var any = from lines in Gen.ArrayOf(Gen.Elements(_lines))
                  from discard in Gen.SubListOf("DSN", "chunking", "VERP", "AUTH", "silent-discard")
                  from passesChunking in Gen.Elements(true, false)
                  from limit in Gen.Elements(10, 100, 10_000)
                  select (lines, filter: new EhloFilter(["X-PASSED"], [.. discard], passesChunking, limit));
        Prop.ForAll(any.ToArbitrary(), one =>
        {
            var reply = Reply(["host", .. one.lines]);
            EhloReply.Filter(Encoding.ASCII.GetBytes(reply), one.filter, out var filtered, out _);
            return Encoding.ASCII.GetString(filtered.Span) == Reply(["host", .. Expected(one.lines, one.filter)])
                && new ReplyReader().TryRead(new(filtered), out var frame) is ReplyStatus.Complete && frame.Octets.Length == filtered.Length;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(12));
    }

    private static IEnumerable<string> Expected(string[] lines, EhloFilter filter)
    {
        var chunking = filter.PassesChunking && lines.Any(static line => Keyword(line) == "CHUNKING") && !filter.Discard.Contains("chunking");
        foreach (var line in lines)
        {
            var keyword = Keyword(line);
            var isDiscarded = filter.Discard.Any(word => word.ToUpperInvariant() is var name && (name == keyword || (name == "VERP" && keyword == "XVERP")));
            var isPassed = keyword is "CHUNKING" or "BINARYMIME" ? chunking : _followed.Contains(keyword) || keyword == "X-PASSED";
            if (!isDiscarded && isPassed)
                yield return keyword == "LIMITS" ? string.Join(' ', line.Split(' ').Select(word => Lowered(word, filter.RecipientLimit))) : line;
        }
    }

    private static string Lowered(string word, int limit) =>
        word.StartsWith("RCPTMAX=", StringComparison.OrdinalIgnoreCase) && ulong.TryParse(word[8..], out var number) && number > (ulong)limit
            ? $"RCPTMAX={limit}"
            : word;

    private static string Keyword(string line) => line.Trim().Split(' ', '=')[0].ToUpperInvariant();

    private static string Reply(string[] lines) => string.Concat(lines.Select((line, i) => $"250{(i == lines.Length - 1 ? ' ' : '-')}{line}\r\n"));
}
