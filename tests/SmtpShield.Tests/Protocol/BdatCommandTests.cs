using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class BdatCommandTests
{
    [TestCase("BDAT 0", 0, false)]
    [TestCase("BDAT 5", 5, false)]
    [TestCase("bdat 5 last", 5, true)]
    [TestCase("BDAT 0 LAST", 0, true)]
    [TestCase("BDAT 5   LaSt  ", 5, true)]
    [TestCase("  BDAT   5  ", 5, false)]
    [TestCase("BDAT 2147483647", int.MaxValue, false)]
    public void TryParse_SizeNobodyMisreads_IsAccepted(string line, long size, bool isLast)
    {
        Assert.That(BdatCommand.TryParse(CommandLine.Parse(Octets.Of(line)).Argument, int.MaxValue, out var command), Is.True);
        Assert.That(command, Is.EqualTo(new BdatCommand(size, isLast)));
    }

    [TestCase("BDAT")]
    [TestCase("BDAT -1")]
    [TestCase("BDAT +5")]
    [TestCase("BDAT 0x10")]
    [TestCase("BDAT 010")]
    [TestCase("BDAT 00")]
    [TestCase("BDAT 5 LASTX")]
    [TestCase("BDAT 5 LAST x")]
    [TestCase("BDAT 5 LAS")]
    [TestCase("BDAT LAST")]
    [TestCase("BDAT 5LAST")]
    [TestCase("BDAT 5,0")]
    [TestCase("BDAT 5.")]
    [TestCase("BDAT 5 5")]
    [TestCase("BDAT 99999999999999999999")]
    [TestCase("BDAT 4294967300")]
    [TestCase("BDAT 2147483648")]
    [TestCase("BDAT 5␉LAST")]
    [TestCase("BDAT 5\fLAST")]
    [TestCase("BDAT 5\vLAST")]
    [TestCase("BDAT ²")]
    public void TryParse_SizeTwoParsersReadDifferently_IsRefused(string line) =>
        Assert.That(BdatCommand.TryParse(CommandLine.Parse(Octets.Of(line)).Argument, int.MaxValue, out _), Is.False);

    [TestCase(0, false, "BDAT 0⏎")]
    [TestCase(5, true, "BDAT 5 LAST⏎")]
    [TestCase(int.MaxValue, true, "BDAT 2147483647 LAST⏎")]
    public void Format_Command_IsTheOneForm(long size, bool isLast, string expected)
    {
        var line = new byte[24];
        var length = new BdatCommand(size, isLast).Format(line);

        Assert.That(Octets.Shown(line.AsSpan(0, length)), Is.EqualTo(expected));
    }
}
