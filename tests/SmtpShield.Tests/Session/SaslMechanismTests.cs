using FsCheck;
using FsCheck.Fluent;
using SmtpShield.Session;
using SmtpShield.Tests.Protocol;

namespace SmtpShield.Tests.Session;

public class SaslMechanismTests
{
    private static readonly string[] _mayBeLogged =
    [
        "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS", "XOAUTH2", "OAUTHBEARER",
        "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "unknown",
    ];

    [TestCase("PLAIN", "PLAIN")]
    [TestCase("plain AGEAYg==", "PLAIN")]
    [TestCase("Login␉x", "LOGIN")]
    [TestCase("scram-sha-256-plus", "SCRAM-SHA-256-PLUS")]
    [TestCase("PLAINx", "unknown")]
    [TestCase("AGEAYg==", "unknown")]
    [TestCase("PLAIN=AGEAYg==", "unknown")]
    [TestCase("", "unknown")]
    [TestCase(" PLAIN", "unknown")]
    public void NameOf_Argument_IsTheMechanismIfItIsKnown(string argument, string expected) =>
        Assert.That(Octets.Shown(SaslMechanism.NameOf(Octets.Of(argument))), Is.EqualTo(expected));

    [Test]
    public void NameOf_AnyArgument_IsNeverOtherText()
    {
        var words = Gen.OneOf(
            Gen.Elements(_mayBeLogged).Select(Octets.Of),
            Gen.ArrayOf(Gen.Choose(0, 255).Select(octet => (byte)octet)));
        var arguments = from first in words
                        from second in words
                        from between in Gen.Elements("", " ", "␉", "=")
                        select (byte[])[.. first, .. Octets.Of(between), .. second];
        Prop.ForAll(arguments.ToArbitrary(), argument => _mayBeLogged.Contains(Octets.Shown(SaslMechanism.NameOf(argument))))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }
}
