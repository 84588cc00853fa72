using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class VerbTableTests
{
    private static IEnumerable<string> Names => Enum.GetValues<Verb>().Where(verb => verb != Verb.Unknown).Select(verb => verb.Name());

    [TestCaseSource(nameof(Names))]
    public void Parse_EveryVerbInAnyCase_IsItself(string name)
    {
        var mixed = string.Concat(name.Select((letter, i) => i % 2 == 0 ? char.ToLowerInvariant(letter) : letter));

        Assert.That(new[] { name, name.ToLowerInvariant(), mixed }.Select(word => VerbTable.Parse(Octets.Of(word)).Name()), Is.All.EqualTo(name));
    }

    [TestCaseSource(nameof(Names))]
    public void Parse_OneOctetMoreLessOrOther_IsUnknown(string name) =>
        Assert.That(new[] { name + "X", name[..^1], name[1..], name[..^1] + "\u00ff", name[..^1] + "?" }.Select(word => VerbTable.Parse(Octets.Of(word))),
            Is.All.EqualTo(Verb.Unknown));

    [TestCase("")]
    [TestCase("UNKNOWN")]
    [TestCase("LHLO")]
    [TestCase("MAÍL")]
    public void Parse_OtherWord_IsUnknown(string word) => Assert.That(VerbTable.Parse(Octets.Of(word)), Is.EqualTo(Verb.Unknown));

    [Test]
    public void EndsGroup_ByVerb_IsAllButThoseOfAGroup() =>
        Assert.That(Enum.GetValues<Verb>().Where(verb => !verb.EndsGroup()), Is.EquivalentTo(new[] { Verb.Mail, Verb.Rcpt, Verb.Rset, Verb.Bdat }));

    [Test]
    public void IsJunk_ByVerb_IsWhatPostfixLimits() =>
        Assert.That(Enum.GetValues<Verb>().Where(verb => verb.IsJunk()),
            Is.EquivalentTo(new[] { Verb.Helo, Verb.Ehlo, Verb.Rset, Verb.Noop, Verb.Vrfy, Verb.Etrn }));

    // smtpd.c of Postfix 3.7, smtpd_cmd_table, row by row and in its order: that of the disconnect statistics, too.
    // L: SMTPD_CMD_FLAG_LIMIT, T: SMTPD_CMD_FLAG_PRE_TLS, E: SMTPD_CMD_FLAG_LAST.
    [Test]
    public void Rows_AgainstPostfixsTable_HaveItsOrderAndFlags() => Assert.That(
        VerbTable.Rows.SkipLast(2).Select(row =>
            $"{row.Name} {Letter(row, VerbFlags.Junk, "L")}{Letter(row, VerbFlags.BeforeTls, "T")}{Letter(row, VerbFlags.LastInGroup, "E")}"),
        Is.EqualTo(new[]
        {
            "HELO LTE", "EHLO LTE", "XCLIENT T", "XFORWARD ", "STARTTLS T", "AUTH ", "MAIL ", "RCPT ", "DATA E", "BDAT ", "RSET L", "NOOP LTE", "VRFY LE",
            "ETRN L", "QUIT T",
        }));

    // Behind Postfix's: HELP, which it has since 3.9, and all it does not know. It answers both before it looks for TLS (smtpd.c), and takes none of them.
    [Test]
    public void Rows_BehindPostfixsTable_AreWhatItNeverTakes() => Assert.That(
        VerbTable.Rows.Where(row => row.Flags.HasFlag(VerbFlags.JunkIfTaken)).Select(row => (row.Verb, row.Flags.HasFlag(VerbFlags.BeforeTls))),
        Is.EqualTo(new[] { (Verb.Help, true), (Verb.Unknown, true) }));

    // RFC 2920 section 3.1: "The EHLO, DATA, VRFY, EXPN, TURN, QUIT, and NOOP commands can only appear as the last command in a group"; RSET, MAIL, SEND, SOML,
    // SAML and RCPT "can all appear anywhere". RFC 3030 section 2 adds BDAT without LAST. All others wait: RFC 2920 knows nothing of them.
    [TestCase("EHLO", true)]
    [TestCase("DATA", true)]
    [TestCase("VRFY", true)]
    [TestCase("QUIT", true)]
    [TestCase("NOOP", true)]
    [TestCase("RSET", false)]
    [TestCase("MAIL", false)]
    [TestCase("RCPT", false)]
    [TestCase("BDAT", false)]
    [TestCase("STARTTLS", true, Description = "RFC 3207 section 4: the last one in a group")]
    [TestCase("AUTH", true, Description = "RFC 4954 section 4: a challenge may follow")]
    public void EndsGroup_ByVerb_IsWhatTheRfcSays(string name, bool expected) =>
        Assert.That(VerbTable.Parse(Octets.Of(name)).EndsGroup(), Is.EqualTo(expected));

    [Test]
    public void Rows_InOrder_AreThoseOfTheVerbs() => Assert.That(VerbTable.Rows.Select(row => row.Verb), Is.EqualTo(Enum.GetValues<Verb>()));

    [Test]
    public void Rows_ByKey_AreTellableInOneComparison() => Assert.That(VerbTable.Rows.Select(row => row.Name.Length), Is.All.LessThanOrEqualTo(8));

    // smtpd_check.c has restrictions for these; AUTH is logged by smtpd_sasl_glue.c in words of its own.
    [Test]
    public void Restricted_ByVerb_IsWhatPostfixsRestrictionsCanRefuse() => Assert.That(
        VerbTable.Rows.Where(row => row.Flags.HasFlag(VerbFlags.Restricted)).Select(row => row.Name),
        Is.EqualTo(new[] { "HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "VRFY", "ETRN" }));

    [Test]
    public void Keyword_ByVerb_IsTheOneThatOffersIt() => Assert.That(
        VerbTable.Rows.Where(row => row.Keyword is not null).Select(row => (row.Name, row.Keyword)),
        Is.EqualTo(new[] { ("STARTTLS", "STARTTLS"), ("AUTH", "AUTH"), ("BDAT", "CHUNKING") }));

    [TestCase("MAIL", "FROM:<a@b>", false)]
    [TestCase("MAIL", "<a@b>", true)]
    [TestCase("MAIL", "TO:<a@b>", true)]
    [TestCase("RCPT", "to: <a@b>", false)]
    [TestCase("RCPT", "TO:", true)]
    [TestCase("VRFY", "<a@b>", false)]
    public void LacksLabel_OfACommand_IsThatOfItsVerb(string name, string argument, bool expected) =>
        Assert.That(VerbTable.Parse(Octets.Of(name)).LacksLabel(Octets.Of(argument)), Is.EqualTo(expected));

    [Test]
    public void Parse_AnyWord_AllocatesNothing()
    {
        var words = new[] { "RCPT", "starttls", "FOO", "" }.Select(Octets.Of).ToArray();
        VerbTable.Parse(words[0]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var word in words)
            VerbTable.Parse(word);

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static string Letter(VerbRow row, VerbFlags flag, string letter) => row.Flags.HasFlag(flag) ? letter : "";
}
