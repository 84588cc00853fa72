using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class VerbsTests
{
    private static IEnumerable<string> Names => Enum.GetValues<Verb>().Where(verb => verb != Verb.Unknown).Select(verb => verb.Name());

    [TestCaseSource(nameof(Names))]
    public void Parse_EveryVerbInAnyCase_IsItself(string name)
    {
        var mixed = string.Concat(name.Select((letter, i) => i % 2 == 0 ? char.ToLowerInvariant(letter) : letter));

        Assert.That(new[] { name, name.ToLowerInvariant(), mixed }.Select(word => Verbs.Parse(Octets.Of(word)).Name()), Is.All.EqualTo(name));
    }

    [TestCaseSource(nameof(Names))]
    public void Parse_OneOctetMoreLessOrOther_IsUnknown(string name) =>
        Assert.That(new[] { name + "X", name[..^1], name[1..], name[..^1] + "\u00ff", name[..^1] + "?" }.Select(word => Verbs.Parse(Octets.Of(word))), Is.All.EqualTo(Verb.Unknown));

    [TestCase("")]
    [TestCase("UNKNOWN")]
    [TestCase("LHLO")]
    [TestCase("MAÍL")]
    public void Parse_OtherWord_IsUnknown(string word) => Assert.That(Verbs.Parse(Octets.Of(word)), Is.EqualTo(Verb.Unknown));

    [Test]
    public void EndsGroup_ByVerb_IsAllButThoseOfAGroup() =>
        Assert.That(Enum.GetValues<Verb>().Where(verb => !verb.EndsGroup()), Is.EquivalentTo(new[] { Verb.Mail, Verb.Rcpt, Verb.Rset, Verb.Bdat }));

    [Test]
    public void IsJunk_ByVerb_IsWhatPostfixLimits() =>
        Assert.That(Enum.GetValues<Verb>().Where(verb => verb.IsJunk()), Is.EquivalentTo(new[] { Verb.Helo, Verb.Ehlo, Verb.Rset, Verb.Noop, Verb.Vrfy, Verb.Etrn }));
}
