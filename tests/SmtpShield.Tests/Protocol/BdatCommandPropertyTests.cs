using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public partial class BdatCommandPropertyTests
{
    private static readonly string[] _parts = ["0", "1", "9", "42", "2147483647", "2147483648", " ", " ", "LAST", "last", "L", "-", "+", "x", "\t"];

    [Test]
    public void TryParse_AnyArgument_IsTheOneFormOrRefused() => AnyOctets.Check(_parts, static any =>
    {
        var isOne = OneForm.Match(any.Text) is { Success: true } match && long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) <= int.MaxValue;
        return BdatCommand.TryParse(any.Octets, int.MaxValue, out _) == isOne;
    }, longest: 4);

    [Test]
    public void Format_AnyCommandAccepted_IsReadTheSameByEveryParser() => AnyOctets.Check(_parts, static any =>
    {
        if (!BdatCommand.TryParse(any.Octets, int.MaxValue, out var command))
            return true;

        var line = new byte[24];
        var text = Encoding.ASCII.GetString(line.AsSpan(0, command.Format(line)));
        var words = text.TrimEnd().Split(' ');

        // Octal and hexadecimal for those who take a leading zero for that (strtoul with base 0).
        var isPlain = words[1] == "0" || words[1][0] != '0';
        return text.EndsWith("\r\n", StringComparison.Ordinal) && isPlain
            && BdatCommand.TryParse(CommandLine.Parse(Encoding.ASCII.GetBytes(text[..^2])).Argument, int.MaxValue, out var again)
            && again == command && long.Parse(words[1], CultureInfo.InvariantCulture) == command.Size && (words is [_, _, "LAST"]) == command.IsLast;
    }, longest: 4);

    [GeneratedRegex("^(0|[1-9][0-9]{0,9})( +[Ll][Aa][Ss][Tt])? *$")]
    private static partial Regex OneForm { get; }
}
