using System.Security.Authentication;
using SmtpShield.PostfixConf.Lists;

namespace SmtpShield.Tests.PostfixConf.Lists;

public class TlsVersionsParserTests
{
    private const SslProtocols Both = SslProtocols.Tls12 | SslProtocols.Tls13;

    [TestCase("", Both)]
    [TestCase(">=TLSv1.2", Both)]
    [TestCase(">=TLSv1", Both)]
    [TestCase(">=TLSv1.0", Both)]
    [TestCase(">=TLSv1.3", SslProtocols.Tls13)]
    [TestCase("<=TLSv1.2", SslProtocols.Tls12)]
    [TestCase(">=TLSv1.2, <=TLSv1.2", SslProtocols.Tls12)]
    [TestCase("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", Both)]
    [TestCase("!TLSv1.3", SslProtocols.Tls12)]
    [TestCase("!tlsv1.2:!sslv3", SslProtocols.Tls13)]
    [TestCase("TLSv1.2", SslProtocols.Tls12)]
    [TestCase("TLSv1 TLSv1.1 TLSv1.2", SslProtocols.Tls12)]
    [TestCase("TLSv1.3 TLSv1.2", Both)]
    public void TryParse_PostfixList_GivesTheVersionsThatCanBeHad(string text, SslProtocols expected)
    {
        var isParsed = TlsVersionsParser.TryParse(text, out var versions, out var reason);

        Assert.That((isParsed, versions.Protocols, reason), Is.EqualTo((true, expected, "")));
    }

    [TestCase("TLSv2", "unknown TLS protocol: TLSv2")]
    [TestCase(">= TLSv1.2", "unknown TLS protocol: >=")]
    [TestCase("TLSv1, TLSv1.1", "no TLS protocol is left: TLSv1, TLSv1.1")]
    [TestCase("!TLSv1.2 !TLSv1.3", "no TLS protocol is left: !TLSv1.2 !TLSv1.3")]
    public void TryParse_NothingToSpeak_SaysWhy(string text, string expected)
    {
        var isParsed = TlsVersionsParser.TryParse(text, out _, out var reason);

        Assert.That((isParsed, reason), Is.EqualTo((false, expected)));
    }

    [TestCase("", true)]
    [TestCase(">=TLSv1", true)]
    [TestCase(">=TLSv1.1", true)]
    [TestCase("!SSLv2, !SSLv3", true)]
    [TestCase("!SSLv2,!SSLv3,!TLSv1", true)]
    [TestCase("TLSv1.1 TLSv1.2", true)]
    [TestCase(">=TLSv1.2", false)]
    [TestCase("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", false)]
    [TestCase("TLSv1.2 TLSv1.3", false)]
    public void TryParse_PostfixList_TellsWhetherOldVersionsAreAllowed(string text, bool expected)
    {
        Assert.That(TlsVersionsParser.TryParse(text, out var versions, out _));
        Assert.That(versions.NamesOlder, Is.EqualTo(expected));
    }
}
