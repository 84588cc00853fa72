using FsCheck;
using FsCheck.Fluent;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class EndOfDataFinderTests
{
    private const string Tail = "MAIL FROM:<m@x>⏎RCPT TO:<v@y>⏎DATA⏎b⏎.⏎";

    private static readonly Gen<byte[]> _contents = Gen.ArrayOf(Gen.Elements<byte>((byte)'\r', (byte)'\n', 0, (byte)'.', (byte)'a'));

    // The message up to "|" is released; what stands behind it is not.
    [TestCase("a⏎.⏎|", TestName = "EOD-1")]
    [TestCase(".⏎|", TestName = "EOD-2")]
    [TestCase("a⏎⏎.⏎|", TestName = "EOD-3 empty line")]
    [TestCase("a⏎..⏎⏎.⏎|", TestName = "EOD-3 stuffed dot")]
    [TestCase("a␍⏎.⏎|", TestName = "EOD-3 CR CR LF")]
    [TestCase("a␊⏎.⏎|", TestName = "EOD-3 LF CR LF")]
    [TestCase("a⏎.⏎|␀", TestName = "EOD-12")]
    [TestCase("a⏎.⏎|QUIT⏎", TestName = "EOD-22")]
    public void Scan_ExactEnd_EndsThere(string text) => AssertEverySplit(text, ContentVerdict.End);

    [TestCase("a|␊.␊", TestName = "EOD-4")]
    [TestCase("a|␊.⏎", TestName = "EOD-5")]
    [TestCase("a|⏎.␊", TestName = "EOD-6")]
    [TestCase("|.␊", TestName = "EOD-6 at the start")]
    [TestCase("a|␍.␍", TestName = "EOD-7 CR.CR")]
    [TestCase("a|␍.␊", TestName = "EOD-7 CR.LF")]
    [TestCase("a|␍.⏎", TestName = "EOD-7 CR.CRLF")]
    [TestCase("a|␊.␍x", TestName = "EOD-7 LF.CR")]
    [TestCase("a|⏎.␍x", TestName = "EOD-8")]
    [TestCase("|.␍x", TestName = "EOD-8 at the start")]
    [TestCase("a|⏎.␍⏎", TestName = "EOD-9")]
    [TestCase("a␍|⏎.␍⏎", TestName = "EOD-9 CR on both sides")]
    [TestCase("a|⏎.␀⏎", TestName = "EOD-10 NUL behind the dot")]
    [TestCase("a⏎|␀.⏎", TestName = "EOD-10 NUL before the dot")]
    [TestCase("|␀.⏎", TestName = "EOD-10 NUL before the dot at the start")]
    [TestCase("a|⏎.␍␀␊", TestName = "EOD-10 NUL in the line end")]
    [TestCase("a␀|⏎.⏎", TestName = "EOD-11")]
    [TestCase("␀␀|⏎.⏎", TestName = "EOD-11 two NUL at the start")]
    [TestCase("a␍␀|␊.⏎", TestName = "EOD-11 NUL in the line end")]
    public void Scan_WhatSomeParsersTakeForTheEnd_IsAmbiguous(string text) => AssertEverySplit(text, ContentVerdict.Ambiguous);

    [TestCase("a␊.x⏎", TestName = "EOD-13 dot behind LF")]
    [TestCase("x␊y", TestName = "EOD-13 LF")]
    [TestCase("x␍y", TestName = "EOD-13 CR")]
    [TestCase("x␀y", TestName = "EOD-13 NUL")]
    [TestCase(".x⏎", TestName = "EOD-13 dot at the start")]
    [TestCase("a.⏎b", TestName = "EOD-13 dot at the end of a line")]
    [TestCase("␀a⏎.x", TestName = "EOD-13 NUL further away")]
    public void Scan_NoEnd_PassesUnchanged(string text)
    {
        var content = Octets.Of(text + "z");
        Assert.That(ContentReading.EverySplit(content).Select(reading => (reading.Verdict, reading.Released)),
            Is.All.EqualTo((ContentVerdict.Continues, content.Length)));
    }

    [TestCase("a⏎", 1)]
    [TestCase("a⏎.", 1)]
    [TestCase("a⏎.␍", 1)]
    [TestCase("a␊.", 1)]
    [TestCase("a␀", 1)]
    [TestCase("a␍", 1)]
    [TestCase("a␍␍", 2)]
    [TestCase(".", 0)]
    [TestCase(".␍", 0)]
    [TestCase("", 0)]
    [TestCase("⏎", 0)]
    public void Scan_WhatMayBecomeAnEnd_IsHeld(string text, int released)
    {
        var content = Octets.Of(text);
        Assert.That(ContentReading.EverySplit(content).Select(reading => (reading.Verdict, reading.Released)),
            Is.All.EqualTo((ContentVerdict.Continues, released)));
    }

    [Test]
    public void Scan_FinderNotAtTheStart_GoesOnBehindAnAmbiguousEnd()
    {
        // As the relay reads on in a refused message: one octet is stepped over, then a finder that is not at the start goes on.
        var finder = default(EndOfDataFinder);
        var verdict = finder.Scan(new(Octets.Of("␊.⏎b⏎.⏎QUIT⏎")), out var release);

        Assert.That((verdict, release), Is.EqualTo((ContentVerdict.Ambiguous, 0L)));
        verdict = finder.Scan(new(Octets.Of(".⏎b⏎.⏎QUIT⏎")), out release);
        Assert.That((verdict, release), Is.EqualTo((ContentVerdict.End, 9L)));
    }

    [TestCase(512)]
    [TestCase(998)]
    [TestCase(2048)]
    [TestCase(4096)]
    [TestCase(65536)]
    public void Scan_LongLineInPieces_DotAtEachPieceIsText(int size)
    {
        var content = new byte[3 << 20];
        content.AsSpan().Fill((byte)'x');
        for (var i = 0; i < content.Length; i += size)
            content[i] = (byte)'.';

        var reading = ContentReading.Of(content, Enumerable.Repeat(size, (content.Length / size) + 1));

        Assert.That(reading, Is.EqualTo(new ContentReading(ContentVerdict.Continues, content.Length, reading.MostHeld)));
        Assert.That(reading.MostHeld, Is.LessThanOrEqualTo(1));
    }

    [Test]
    public void Scan_AnyContentInAnySplit_IsJudgedAsByTheSlowReference() =>
        CheckContents((content, pieces) =>
        {
            var reading = ContentReading.Of(content, pieces);
            return (reading.Verdict, reading.Released) == SlowEndOfData.Judge(content);
        });

    [Test]
    public void Scan_AnyContentInAnySplitStrictly_IsJudgedAsByTheSlowReference() =>
        CheckContents((content, pieces) =>
        {
            var reading = ContentReading.Of(content, pieces, isStrict: true);
            return (reading.Verdict, reading.Released) == SlowEndOfData.JudgeStrictly(content) && reading.MostHeld <= 4;
        });

    [TestCaseSource(typeof(SloppyParser), nameof(SloppyParser.All))]
    public void Scan_AnyContentStrictly_EndsNowhereElseForTheParser(object parser) =>
        CheckContents((content, pieces) =>
        {
            var sloppy = (SloppyParser)parser;
            var reading = ContentReading.Of(content, pieces, isStrict: true);
            var dot = sloppy.FindDot(content.AsSpan(0, reading.Released));
            return reading.Verdict is ContentVerdict.End ? dot == reading.Released - 3 || (dot < 0 && sloppy.MissesStandardEnd) : dot < 0;
        });

    [Test]
    public void Scan_AnyContentInAnySplit_HoldsAtMostFourOctets() => CheckContents((content, pieces) => ContentReading.Of(content, pieces).MostHeld <= 4);

    [Test]
    public void Scan_AnyContentThatIsRefused_NothingOfTheAmbiguousEndWasReleased() =>
        CheckContents((content, pieces) =>
        {
            var reading = ContentReading.Of(content, pieces);
            if (reading.Verdict != ContentVerdict.Ambiguous)
                return true;

            // The first octet not released is a line break, or the dot of a message that starts with it; a dot follows.
            var rest = content.AsSpan(reading.Released);
            var dot = rest.IndexOf((byte)'.');
            return dot <= 2 && rest[..dot].IndexOfAnyExcept("\r\n\0"u8) < 0 && (dot > 0 || reading.Released == 0);
        });

    [TestCaseSource(typeof(SloppyParser), nameof(SloppyParser.All))]
    public void Scan_AnyContent_EndsNowhereElseForTheParser(object parser) =>
        CheckContents((content, pieces) =>
        {
            var sloppy = (SloppyParser)parser;
            var reading = ContentReading.Of(content, pieces);
            return reading.Verdict switch
            {
                ContentVerdict.End =>
                    sloppy.FindDot(content.AsSpan(0, reading.Released)) is var dot && (dot == reading.Released - 3 || (dot < 0 && sloppy.MissesStandardEnd)),
                // Refused or going on: the MTA has only what was released, and that has no end in it for anybody.
                _ => sloppy.FindDot(content.AsSpan(0, reading.Released)) < 0,
            };
        });

    [Test]
    public void Scan_EveryContentOfUpToSevenOctets_IsJudgedAsByTheSlowReference()
    {
        byte[] alphabet = [(byte)'\r', (byte)'\n', 0, (byte)'.', (byte)'a'];
        for (var length = 0; length <= 7; length++)
        {
            var content = new byte[length];
            for (var number = 0; number < (int)Math.Pow(alphabet.Length, length); number++)
            {
                for (var (i, rest) = (0, number); i < length; i++, rest /= alphabet.Length)
                    content[i] = alphabet[rest % alphabet.Length];
                var reading = ContentReading.Of(content, Enumerable.Repeat(1, length));
                if ((reading.Verdict, reading.Released) != SlowEndOfData.Judge(content))
                    Assert.Fail($"{Octets.Shown(content)}: {reading}, expected {SlowEndOfData.Judge(content)}");
            }
        }
    }

    private static void CheckContents(Func<byte[], int[], bool> holds)
    {
        var pieces = Gen.ArrayOf(Gen.Choose(1, 6));
        var cases = from content in _contents
                    from sizes in pieces
                    select (content, sizes: (int[])[.. sizes, content.Length]);
        Prop.ForAll(cases.ToArbitrary(), one => holds(one.content, one.sizes)).Check(Config.QuickThrowOnFailure.WithMaxTest(3000).WithEndSize(40));
    }

    private static void AssertEverySplit(string text, ContentVerdict verdict)
    {
        var released = Octets.Of(text[..text.IndexOf('|', StringComparison.Ordinal)]).Length;
        foreach (var tail in new[] { "", Tail, "RSET⏎" })
        {
            var content = Octets.Of(text.Replace("|", "", StringComparison.Ordinal) + tail);
            Assert.That(ContentReading.EverySplit(content).Select(reading => (reading.Verdict, reading.Released)), Is.All.EqualTo((verdict, released)));
        }
    }
}
