using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public partial class CommandLinePropertyTests
{
    private static readonly string[] _parts =
    [
        " ", " ", "\t", "\v", "\f", "MAIL", "mail", "a", ":", "FROM:", "from:", "<", ">", "PRDR", "prdr", "=", "x", "\u0001", "\u00e9",
    ];

    [Test]
    public void Parse_AnyLine_IsAsByTheReference() => AnyOctets.Check(_parts, static any =>
    {
        var command = CommandLine.Parse(any.Octets);
        var match = WordAndArgument.Match(any.Text);
        return (Text(command.Word), Text(command.Argument)) == (match.Groups[1].Value, match.Groups[2].Value);
    });

    [Test]
    public void Parse_AnyLine_WordAndArgumentHaveNoBlanksAround() => AnyOctets.Check(_parts, static any =>
    {
        var command = CommandLine.Parse(any.Octets);
        var argument = Text(command.Argument);
        return command.Word.IndexOfAny(" \t\v\f"u8) < 0 && argument == argument.Trim(' ', '\t', '\v', '\f');
    });

    [Test]
    public void HasAddress_AnyArgument_IsAsByTheReference() =>
        AnyOctets.Check(_parts, static any => CommandLine.HasAddress(any.Octets, "FROM:"u8) == Address.IsMatch(any.Text));

    [Test]
    public void HasParameter_AnyArgument_IsAsByTheReference() => AnyOctets.Check(_parts, static any =>
    {
        var behind = any.Text[(any.Text.IndexOf('>', StringComparison.Ordinal) + 1)..];
        return CommandLine.HasParameter(any.Octets, "PRDR"u8) == behind.Split(' ', '\t', '\v', '\f').Any(static word => Parameter.IsMatch(word));
    });

    [Test]
    public void IsHeader_AnyLine_IsAWordOfPrintablesWithAColonInIt() => AnyOctets.Check(_parts, static any =>
        CommandLine.Parse(any.Octets).IsHeader == Header.IsMatch(any.Text));

    private static string Text(ReadOnlySpan<byte> octets) => Encoding.Latin1.GetString(octets);

    [GeneratedRegex(@"^[ \t\v\f]*([^ \t\v\f]*)[ \t\v\f]*(.*?)[ \t\v\f]*$", RegexOptions.Singleline)]
    private static partial Regex WordAndArgument { get; }

    [GeneratedRegex(@"^[Ff][Rr][Oo][Mm]:.*[^ \t\v\f]", RegexOptions.Singleline)]
    private static partial Regex Address { get; }

    [GeneratedRegex(@"^[Pp][Rr][Dd][Rr](=.*)?$", RegexOptions.Singleline)]
    private static partial Regex Parameter { get; }

    [GeneratedRegex(@"^[ \t\v\f]*[!-9;-~]+:")]
    private static partial Regex Header { get; }
}
