using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class CommandLineTests
{
    [TestCase("DATA", "DATA", "")]
    [TestCase(" data ", "data", "")]
    [TestCase("␉dAtA␉", "dAtA", "")]
    [TestCase("DATA x", "DATA", "x")]
    [TestCase("MAIL FROM:<a@b> SIZE=1", "MAIL", "FROM:<a@b> SIZE=1")]
    [TestCase("MAIL␉ FROM:<a@b> ", "MAIL", "FROM:<a@b>")]
    [TestCase("", "", "")]
    [TestCase(" ␉ ", "", "")]
    [TestCase("XCLIENT\fADDR=192.0.2.1", "XCLIENT", "ADDR=192.0.2.1")]
    [TestCase("\v BDAT\v5 LAST\f", "BDAT", "5 LAST")]
    public void Parse_Line_IsWordAndArgument(string line, string word, string argument)
    {
        var command = CommandLine.Parse(Octets.Of(line));

        Assert.That((Octets.Shown(command.Word), Octets.Shown(command.Argument)), Is.EqualTo((word, argument)));
    }

    [TestCase(" data ", "Data")]
    [TestCase("DATAX", "Unknown")]
    [TestCase("MAIL FROM:<a@b>", "Mail")]
    [TestCase("", "Unknown")]
    public void Parse_Word_IsTheVerb(string line, string verb) => Assert.That(CommandLine.Parse(Octets.Of(line)).Verb.ToString(), Is.EqualTo(verb));

    [TestCase("FROM:<a@b> SIZE=1", "a@b")]
    [TestCase("FROM: <a@b>", "a@b")]
    [TestCase("FROM:<>", "")]
    [TestCase("TO:a@b x", "a@b")]
    [TestCase("TO:a@b", "a@b")]
    [TestCase("TO:<a@b", "a@b")]
    [TestCase("TO:", "")]
    [TestCase("TO:  ", "")]
    [TestCase("TO", "")]
    [TestCase("", "")]
    [TestCase("TO:<@x:a@b>", "@x:a@b")]
    [TestCase("<a@b> SIZE=1", "a@b", Description = "of an MTA that takes it")]
    [TestCase("<b:c@d>", "b:c@d")]
    [TestCase("FROM : <a@b>", "a@b")]
    public void AddressOf_Argument_IsWhatStandsInTheBrackets(string argument, string address) =>
        Assert.That(Octets.Shown(CommandLine.AddressOf(Octets.Of(argument))), Is.EqualTo(address));
}
