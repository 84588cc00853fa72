using System.Text;
using SmtpShield.PostfixConf.Expansion;

namespace SmtpShield.Tests.PostfixConf.Expansion;

[TestFixture]
public sealed class MacroExpanderTests
{
    private static readonly Dictionary<string, string> Values = new()
    {
        ["a"] = "A",
        ["b"] = "$a$a",
        ["e"] = "",
        ["ten"] = "10",
        ["self"] = "x$self",
        ["test"] = "${{$test} == {x} ? {y} : {z}}",
    };

    private static ExpansionResult Expand(string text) => MacroExpander.Expand(text, Values.GetValueOrDefault);

    [TestCase("plain", "plain")]
    [TestCase("$a", "A")]
    [TestCase("${a}", "A")]
    [TestCase("$(a)", "A")]
    [TestCase("${ a }", "A")]
    [TestCase("$a.b-$a_", "A.b-")]
    [TestCase("$b", "AA")]
    [TestCase("$none|${none}", "|")]
    [TestCase("$$a", "$a")]
    [TestCase("$$$$", "$$")]
    public void Expand_Name_GivesValueRecursively(string text, string expected) => Assert.That(Expand(text).Text, Is.EqualTo(expected));

    [TestCase("${a?x}", "x")]
    [TestCase("${e?x}", "")]
    [TestCase("${none?x}", "")]
    [TestCase("${a:x}", "")]
    [TestCase("${e:x}", "x")]
    [TestCase("${a?x:y}", "x:y")]
    [TestCase("${a?{x}:{y}}", "x")]
    [TestCase("${e?{x}:{y}}", "y")]
    [TestCase("${e?{x}:y z}", "y z")]
    [TestCase("${a?{ x }:{y}}", " x ")]
    [TestCase("${a ? {x} : {y} }", "x")]
    [TestCase("${a?{$b}:{y}}", "AA")]
    [TestCase("${a?{${e?{1}:{2}}}:{y}}", "2")]
    public void Expand_Condition_GivesTheTextThatApplies(string text, string expected) => Assert.That(Expand(text).Text, Is.EqualTo(expected));

    [TestCase("${{9} < {10} ? {x} : {y}}", "x")]
    [TestCase("${{10a} < {9a} ? {x} : {y}}", "x")]
    [TestCase("${{$ten} == {10}}", "true")]
    [TestCase("${{$ten} != {10}}", "")]
    [TestCase("${{1} <= {1}?yes}", "yes")]
    [TestCase("${{1} >= {2}:no}", "no")]
    [TestCase("${{2} > {1} ? {x}}", "x")]
    [TestCase("${{3.10} >level {3.9} ? {x} : {y}}", "x")]
    [TestCase("${{1} <level {2} ? {x} : {y}}", "x")]
    public void Expand_Comparison_IsNumericForDigitsElseByCharacter(string text, string expected) => Assert.That(Expand(text).Text, Is.EqualTo(expected));

    [TestCase("${a", "truncated macro reference: \"${a\"")]
    [TestCase("$(a}", "truncated macro reference: \"$(a}\"")]
    [TestCase("${}", "empty macro name: \"${}\"")]
    [TestCase("x$", "empty macro name: \"x$\"")]
    [TestCase("$ x", "empty macro name: \"$ x\"")]
    [TestCase("${a.b}", "attribute name syntax error at: \"...a>>>.b\"")]
    [TestCase("${a b}", "attribute name syntax error at: \"...a>>> b\"")]
    [TestCase("${a?{x}y}", "\":\" expected at: \"...x}>>>y\"")]
    [TestCase("${a?{x}:{y}z}", "unexpected input at: \"...y}>>>z\"")]
    [TestCase("${{a} == {b}z}", "\"?\" or \":\" expected at: \"...}>>>z\"")]
    [TestCase("${{a}}", "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: \"...a}>>>\"")]
    [TestCase("${{99999999999999999999} == {1}}", "bad conversion: \"99999999999999999999\" == \"1\"")]
    public void Expand_SyntaxError_GivesPostfixsWords(string text, string expected) => Assert.That(Expand(text).Error, Is.EqualTo(expected));

    [TestCase("$self")]
    [TestCase("$test")]
    public void Expand_EndlessRecursion_IsAnError(string text) => Assert.That(Expand(text).Error, Does.StartWith("unreasonable macro call nesting"));

    [Test, CancelAfter(5000)]
    public void Expand_ValuesThatDouble_EndsWithAnErrorInBoundedTime([Values("x", "")] string leaf)
    {
        string? Doubling(string name) => name.Length < 60 ? $"${name}a${name}a" : leaf;
        var result = MacroExpander.Expand("$a", Doubling);
        Assert.That(result.Error, Does.StartWith("expand"));
        Assert.That(result.Text, Has.Length.LessThanOrEqualTo(MacroExpander.MaxLength));
    }

    [Test]
    public void Expand_NestingAtPostfixsLimit_Works()
    {
        string? Chain(string name) => name.Length < 90 ? $"${name}a" : "end";
        Assert.That(MacroExpander.Expand("$a", Chain), Is.EqualTo(new ExpansionResult("end", "")));
    }

    [Test]
    public void Names_AllBranches_AreFoundWithoutLookingUp() =>
        Assert.That(MacroScan.Names("$x ${y?{$z}:{$(v)}} ${{$l} == {$r}} $$no", out _), Is.EqualTo((string[])["x", "y", "z", "v", "l", "r"]));

    [Test]
    public void Names_SyntaxErrorInABranch_IsReported()
    {
        MacroScan.Names("${a?{x}:{${}}}", out var error);
        Assert.That(error, Is.EqualTo("empty macro name: \"${}\""));
    }

    [Test, CancelAfter(20000)]
    public void Expand_RandomText_NeverThrows()
    {
        const string alphabet = "$${}()ab?:<=>! \n\0é.";
        var random = new Random(1);
        for (var i = 0; i < 20000; i++)
        {
            var text = new StringBuilder();
            for (var length = random.Next(60); length > 0; length--)
                text.Append(alphabet[random.Next(alphabet.Length)]);
            var value = text.ToString();
            Assert.That(() => MacroExpander.Expand(value, name => name == "a" ? value : null), Throws.Nothing, value);
            Assert.That(() => MacroScan.Names(value, out _), Throws.Nothing, value);
        }
    }

    [Test, CancelAfter(10000)]
    public void Expand_DeepBraces_EndsInBoundedTime([Values("${", "${a?{", "$(", "${{", "${{a} == {")] string opening)
    {
        var text = string.Concat(Enumerable.Repeat(opening, 20000));
        Assert.That(Expand(text).Succeeded, Is.False);
        Assert.That(Expand(text + new string('}', 40000)).Succeeded, Is.False);
    }
}
