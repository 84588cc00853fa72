using System.Text;
using SmtpShield.Mta.Handoff;

namespace SmtpShield.Tests.Mta.Handoff;

[Property("Hazard", "ID-12")]
public class XclientAttributesTests
{
    [TestCase("250-mx\r\n250-PIPELINING\r\n250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT\r\n250 8BITMIME\r\n",
        "ADDR,DESTADDR,DESTPORT,HELO,LOGIN,NAME,PORT,PROTO,REVERSE_NAME")]
    [TestCase("250-mx\r\n250 xclient addr  Port\r\n", "Port,addr")]
    [TestCase("250-mx\r\n250-XCLIENT ADDR\r\n250 XCLIENT PORT\r\n", "ADDR,PORT")]
    [TestCase("250-mx\r\n250 XCLIENT\r\n", "")]
    public void Of_Offered_AreTheNames(string ehlo, string names) =>
        Assert.That(string.Join(',', XclientAttributes.Of(Encoding.ASCII.GetBytes(ehlo))!.Order(StringComparer.Ordinal)), Is.EqualTo(names));

    [TestCase("")]
    [TestCase("250 XCLIENT NAME ADDR\r\n", TestName = "The first line is the MTA's name")]
    [TestCase("250-XCLIENT\r\n250-XCLIENTX ADDR\r\n250-X XCLIENT ADDR\r\n250\r\n")]
    public void Of_NotOffered_IsNothing(string ehlo) => Assert.That(XclientAttributes.Of(Encoding.ASCII.GetBytes(ehlo)), Is.Null);

    [Test]
    public void Of_Names_AreInAnyCase() => Assert.That(XclientAttributes.Of("250-mx\r\n250 XCLIENT addr\r\n"u8)!.Contains("ADDR"), Is.True);
}
