using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class RepliesTests
{
    private static readonly ClientIdentity _client = new(new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1));

    // Postfix gives none to ETRN before HELO, and to a HELO without a name (smtpd.c).
    private static bool HasNoCode(Reply reply) => reply == Replies.HeloFirstForEtrn || reply == Replies.EhloSyntax || reply == Replies.HeloSyntax;

    private static IEnumerable<TestCaseData> All =>
        typeof(Replies).GetProperties().Select(property => new TestCaseData(property.GetValue(null)).SetArgDisplayNames(property.Name)).Concat(
            typeof(Replies).GetMethods().Where(method => !method.IsSpecialName && method.ReturnType == typeof(Reply))
                .Select(method => new TestCaseData(method.Invoke(null, [.. method.GetParameters().Select(_ => "mail.example.test")]))
                    .SetArgDisplayNames(method.Name))).Concat(
                ClientLimits.All.Select(limit => new TestCaseData(limit.ReplyTo("mail.example.test", _client)).SetArgDisplayNames(limit.Parameter)));

    [TestCaseSource(nameof(All))]
    public void Reply_Octets_AreOneWellFormedLine(object value)
    {
        var reply = (Reply)value;

        var code = HasNoCode(reply) ? "" : "[245]\\.[0-9]\\.[0-9] ";
        Assert.That(Octets.Shown(reply.Octets.Span), Does.Match($"^[245][0-9][0-9] {code}[ -~]+⏎$"));
        Assert.That(new ReplyReader().TryRead(new(reply.Octets), out var read), Is.EqualTo(ReplyStatus.Complete));
        Assert.That((read.Code, read.IsClean, read.Octets.Length), Is.EqualTo((reply.Code, true, reply.Octets.Length)));
    }

    [TestCaseSource(nameof(All))]
    public void Reply_EnhancedStatusCode_HasTheClassOfItsCode(object value)
    {
        var octets = ((Reply)value).Octets.Span;
        Assert.That(octets[4], HasNoCode((Reply)value) ? Is.AnyOf((byte)'E', (byte)'S') : Is.EqualTo(octets[0]));
    }

    [Test]
    public void TooManyConnections_Text_IsPostfixs() => Assert.That(
        Octets.Shown(ClientLimits.ConnectionCount.ReplyTo("mail.example.test", _client).Octets.Span),
        Is.EqualTo("421 4.7.0 mail.example.test Error: too many connections from 192.0.2.7⏎"));

    [Test]
    public void TooManyErrors_Text_IsPostfixs() =>
        Assert.That(Octets.Shown(Replies.TooManyErrors("mail.example.test").Octets.Span), Is.EqualTo("421 4.7.0 mail.example.test Error: too many errors⏎"));

    [TestCase("450 4.7.1 Error: too much mail from 192.0.2.7", "450 Error: too much mail from 192.0.2.7")]
    [TestCase("503 Error: send HELO/EHLO first", "503 Error: send HELO/EHLO first")]
    [TestCase("250 2.0 x", "250 2.0 x")]
    [TestCase("250 5.0.0 x", "250 5.0.0 x")]
    public void WithoutEnhancedCode_OfAnyReply_LosesTheCodeOnly(string line, string expected) =>
        Assert.That(Octets.Shown(Reply.Of(line).WithoutEnhancedCode().Octets.Span), Is.EqualTo(expected + "⏎"));
}
