using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

public sealed class PlainOutputTests
{
    private static readonly TimeZoneInfo _east = TimeZoneInfo.CreateCustomTimeZone("east", TimeSpan.FromHours(2), null, null);

    [Test]
    public void Table_OfTextsOfAllKinds_HasColumnsThatAwkCanRead() => Assert.That(
        Printed(static output => output.Table(["NAME", "N", "REASON"], [["a", "10", ""], ["longer-name", "", "two words"]])),
        Is.EqualTo("NAME         N   REASON\na            10  -\nlonger-name  -   two words\n"));

    [Test]
    public void Table_WithoutRows_IsItsHead() => Assert.That(Printed(static output => output.Table(["A", "B"], [])), Is.EqualTo("A  B\n"));

    [Test]
    [Property("Operations", "OPS-44")]
    public void Text_ThatIsNotPrintable_IsNothingToATerminal() => Assert.That(
        Printed(static output =>
        {
            output.Line("a\u001B[31mb\nc\u202Ed\u009Be");
            output.Table(["A"], [["x\ty\r\u0007"]]);
        }),
        Is.EqualTo("a?[31mb?c?d?e\nA\nx?y??\n"));

    [Test]
    public void Time_InEitherZone_HasNoBlanks()
    {
        var time = new DateTimeOffset(2026, 11, 27, 22, 5, 25, TimeSpan.Zero);
        Assert.That(new PlainOutput(TextWriter.Null, TimeZoneInfo.Utc).Time(time), Is.EqualTo("2026-11-27T22:05:25Z"));
        Assert.That(new PlainOutput(TextWriter.Null, _east).Time(time), Is.EqualTo("2026-11-28T00:05:25"));
        Assert.That(new PlainOutput(TextWriter.Null, _east).Time(null), Is.Empty);
    }

    private static string Printed(Action<PlainOutput> print)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        print(new(writer, TimeZoneInfo.Utc));
        return writer.ToString();
    }
}
