using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public partial class ReplyPropertyTests
{
    private static readonly string[] _parts = ["4.7.0 ", "5.5.1 ", "5.5.10 ", "4.x.0 ", "5.0.x ", "4.", "5", ".", " ", "x", "é"];

    [TestCase("421")]
    [TestCase("550")]
    public void WithoutEnhancedCode_AnyText_LosesThatOfItsClassAndNothingElse(string code) => AnyOctets.Check(_parts, any =>
    {
        var line = $"{code} {any.Text}\r\n";
        var reply = new Reply(int.Parse(code, System.Globalization.CultureInfo.InvariantCulture), Encoding.Latin1.GetBytes(line)).WithoutEnhancedCode();
        return Encoding.Latin1.GetString(reply.Octets.Span) == EnhancedCode.Replace(line, "$1 ", 1) && reply.WithoutEnhancedCode().Code == reply.Code;
    }, longest: 8);

    [GeneratedRegex(@"^((\d)\d\d) \2\.\d\.\d ")]
    private static partial Regex EnhancedCode { get; }
}
