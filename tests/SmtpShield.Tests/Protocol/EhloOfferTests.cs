using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class EhloOfferTests
{
    [TestCase("250-mta.example Hello [203.0.113.9], pleased\r\n250-SIZE 10\r\n250 DSN\r\n", "250-mta.example\r\n250-SIZE 10\r\n250 DSN\r\n")]
    [TestCase("250 mta.example at your service\r\n", "250 mta.example\r\n")]
    [TestCase("250-mta\r\n250-AUTH PLAIN  LOGIN\r\n250 AUTH=PLAIN LOGIN\r\n", "250-mta\r\n250-AUTH PLAIN  LOGIN\r\n250 AUTH=PLAIN LOGIN\r\n")]
    [TestCase("250-mta\r\n250-\r\n250 DSN\r\n", "250-mta\r\n250 DSN\r\n")]
    [TestCase("250\r\n", "250 \r\n")]
    public void Octets_OfAReply_AreItsFirstWordAndItsKeywords(string reply, string octets) => Assert.That(Text(Offer(reply)), Is.EqualTo(octets));

    [TestCase("SIZE 10|DSN|8BITMIME", "SIZE 5|8BITMIME", "SIZE 5|8BITMIME")]
    [TestCase("SIZE|DSN", "SIZE 5|DSN", "SIZE 5|DSN")]
    [TestCase("SIZE 5", "SIZE 0", "SIZE 5")]
    [TestCase("SIZE 5", "8BITMIME", "")]
    [TestCase("AUTH PLAIN LOGIN", "AUTH LOGIN CRAM-MD5", "AUTH LOGIN")]
    [TestCase("AUTH PLAIN", "AUTH LOGIN|DSN", "")]
    [TestCase("AUTH PLAIN LOGIN|AUTH=LOGIN", "AUTH PLAIN", "AUTH PLAIN")]
    [TestCase("LIMITS RCPTMAX=100 MAILMAX=9", "LIMITS MAILMAX=20 RCPTMAX=50 RCPTDOMAINMAX=2", "LIMITS RCPTMAX=50 MAILMAX=9 RCPTDOMAINMAX=2")]
    [TestCase("DELIVERBY 10|dsn", "DELIVERBY 20|DSN", "dsn")]
    [TestCase("NO-SOLICITING a|HELP", "no-soliciting A|HELP", "NO-SOLICITING a|HELP")]
    public void Intersect_OfTwo_IsWhatBothKeep(string one, string other, string common) =>
        Assert.That(Keywords(EhloOffer.Intersect([Of(one), Of(other)])), Is.EqualTo(common));

    [TestCase("PIPELINING|SIZE 10|8BITMIME", "PIPELINING|SIZE 10|8BITMIME|DSN", nameof(OfferGap.None), "")]
    [TestCase("PIPELINING|SIZE 10|ENHANCEDSTATUSCODES|HELP|VRFY|EXPN|ETRN|LIMITS A=1|STARTTLS", "PIPELINING|SIZE 5", nameof(OfferGap.None), "")]
    [TestCase("PIPELINING|DSN", "DSN", nameof(OfferGap.Pipelining), "PIPELINING")]
    [TestCase("PIPELINING|8BITMIME|DSN", "PIPELINING", nameof(OfferGap.Vital), "8BITMIME DSN")]
    [TestCase("SIZE 10", "DSN", nameof(OfferGap.Vital), "SIZE")]
    [TestCase("AUTH PLAIN LOGIN", "AUTH LOGIN PLAIN NTLM", nameof(OfferGap.None), "")]
    [TestCase("AUTH PLAIN LOGIN", "AUTH LOGIN", nameof(OfferGap.Vital), "AUTH")]
    public void Gap_ToAPromise_IsWhatCannotBeKept(string promised, string offered, string gap, string missing)
    {
        var found = Of(offered).GapTo(Of(promised), out var names);

        Assert.That(($"{found}", names), Is.EqualTo((gap, missing)));
    }

    private static EhloOffer Of(string keywords) => Offer($"250-mta\r\n{string.Concat(keywords.Split('|').Select(static word => $"250-{word}\r\n"))}");

    private static EhloOffer Offer(string reply) => EhloOffer.Parse(Encoding.Latin1.GetBytes(reply));

    private static string Text(EhloOffer offer) => Encoding.Latin1.GetString(offer.Octets.Span);

    private static string Keywords(EhloOffer offer) => string.Join('|', offer.Keywords);
}
