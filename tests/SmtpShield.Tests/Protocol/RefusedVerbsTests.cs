using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class RefusedVerbsTests
{
    [TestCase("XCLIENT ADDR=192.0.2.1", 550)]
    [TestCase("xforward NAME=x", 550)]
    [TestCase("XCLIENT\fADDR=192.0.2.1", 550, Description = "Postfix takes a form feed or vertical tab for a blank")]
    [TestCase("XCLIENT\vADDR=192.0.2.1", 550)]
    [TestCase("\fXFORWARD NAME=x", 550)]
    [TestCase("BURL imap://x", 502)]
    [TestCase("TURN", 502)]
    [TestCase("atrn example.com", 502)]
    [TestCase("XEXCH50 1020 2", 500)]
    [TestCase("X-ANONYMOUSTLS", 500)]
    [TestCase("X-EXPS GSSAPI", 500)]
    [TestCase("X-LINK2STATE LAST CHUNK=x", 500)]
    [TestCase("XRDST", 500)]
    [TestCase("XSHADOW x", 500)]
    [TestCase("XSESSIONPARAMS", 500)]
    [TestCase("XPROXY", 500)]
    [TestCase("xproxyto x", 500)]
    [TestCase("LHLO x", 500)]
    [TestCase("VERB", 500, Description = "Sendmail then writes lines that are no replies")]
    [TestCase("verb on", 500)]
    [TestCase("SEND FROM:<a@b>", 500, Description = "MAIL by another name (RFC 821 section 3.4)")]
    [TestCase("SOML FROM:<a@b>", 500)]
    [TestCase("saml from:<a@b>", 500)]
    public void ReplyTo_VerbTheShieldCannotFollow_IsRefused(string line, int code) =>
        Assert.That(RefusedVerbs.ReplyTo(CommandLine.Parse(Octets.Of(line)))?.Code, Is.EqualTo(code));

    [TestCase("MAIL FROM:<a@b>")]
    [TestCase("HELP")]
    [TestCase("FOO")]
    [TestCase("XPROX")]
    [TestCase("")]
    public void ReplyTo_OtherVerb_IsNotRefusedHere(string line) => Assert.That(RefusedVerbs.ReplyTo(CommandLine.Parse(Octets.Of(line))), Is.Null);
}
