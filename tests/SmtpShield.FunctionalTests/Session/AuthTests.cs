using SmtpShield.Options;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>AUTH in clear and inside TLS: the exchange is the client's and the MTA's, and the shield knows where it ends.</summary>
internal sealed class AuthTests : TlsFixture
{
    private const string NotSupported = "504 5.5.4 Error: authentication mechanism not supported";

    protected override ShieldOptions Configure(ShieldOptions options) =>
        base.Configure(options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero } });

    [Test, Property("Hazard", "AUTH-1")]
    public async Task Response_ThatLooksLikeACommand_ReachesTheMtaAndTheSessionStays(
        [Values("QUIT", "*", "STARTTLS", "DATA", "XCLIENT NAME=x", "GET / HTTP/1.1", "")] string response, [Values] bool inTls,
        CancellationToken cancellationToken)
    {
        foreach (var parts in Splits(response + "\r\n"))
        {
            var (client, mta) = await BeginAsync(inTls, cancellationToken);
            await ExchangeAsync(client, mta, "AUTH PLAIN", "334 ", cancellationToken);
            await SendAsync(client, parts, cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(response));
            await mta.SendAsync("501 5.7.0 no\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("501 5.7.0 no"));

            // Commands again: this one is the shield's to refuse.
            Assert.That(await client.CommandAsync("XCLIENT NAME=x", cancellationToken), Is.EqualTo("550 5.7.0 Error: insufficient authorization"));
            await client.VanishAsync(reset: false);
        }
    }

    [TestCase("AUTH PLAIN AHVzZXIAc2VjcmV0")]
    [TestCase("AUTH PLAIN =")]
    [TestCase("AUTH LOGIN dXNlcg==", "c2VjcmV0")]
    [TestCase("AUTH LOGIN", "dXNlcg==", "c2VjcmV0")]
    [TestCase("AUTH PLAIN", "")]
    [TestCase("auth\tplain ", "=")]
    [Property("Hazard", "AUTH-2"), Property("Hazard", "AUTH-10")]
    public async Task Exchange_InAnyForm_PassesUnchangedAndNothingElse(params string[] lines)
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        foreach (var inTls in new[] { false, true })
        {
            var (client, mta) = await BeginAsync(inTls, cancellationToken);
            foreach (var line in lines)
                await ExchangeAsync(client, mta, line, line == lines[^1] ? "235 2.7.0 ok" : "334 VXNlcm5hbWU6", cancellationToken);
            await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
            Assert.That(mta.Received, Is.EqualTo("EHLO c\r\n" + string.Concat(lines.Select(static line => line + "\r\n")) + "NOOP\r\n"));
        }
    }

    [TestCase(12_288, true)]
    [TestCase(12_289, false)]
    [Property("Hazard", "AUTH-3")]
    public async Task Response_UpToTheLimit_Passes(int octets, bool passes, CancellationToken cancellationToken)
    {
        foreach (var inTls in new[] { false, true })
        {
            var (client, mta) = await BeginAsync(inTls, cancellationToken);
            await ExchangeAsync(client, mta, "AUTH PLAIN", "334 ", cancellationToken);
            var response = new string('A', octets);
            await client.SendAsync(response + "\r\n", cancellationToken);
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(passes ? response : "*"));
            await mta.SendAsync("501 5.7.0 mine\r\n", cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken),
                Is.EqualTo(passes ? "501 5.7.0 mine" : "500 5.5.6 Error: authentication exchange line is too long"));
            await ExchangeAsync(client, mta, "NOOP", "250 ok", cancellationToken);
        }
    }

    [Test, Property("Hazard", "AUTH-6")]
    public async Task Commands_BehindAuth_WaitForItsReply([Values("235 ok", "535 no")] string reply, [Values] bool inTls, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(inTls, cancellationToken);
        await client.SendAsync("AUTH PLAIN AAA=\r\nMAIL FROM:<a@x>\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("AUTH PLAIN AAA="));
        var received = mta.ReceivedLength;
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("MAIL FROM:<a@x>"));
        Assert.That(mta.ReceivedLength, Is.EqualTo(received + "MAIL FROM:<a@x>\r\n".Length));
        await mta.SendAsync("250 sender\r\n", cancellationToken);
        Assert.That(await RepliesAsync(client, 2, cancellationToken), Is.EqualTo(reply + "|250 sender"));
    }

    [Test, Property("Hazard", "AUTH-6")]
    public async Task Line_BehindAuthWith334_IsItsResponse([Values] bool inTls, CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(inTls, cancellationToken);
        await client.SendAsync("AUTH PLAIN\r\nXCLIENT NAME=x\r\nXCLIENT NAME=y\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("AUTH PLAIN"));
        await mta.SendAsync("334 \r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("XCLIENT NAME=x"));
        await mta.SendAsync("535 no\r\n", cancellationToken);
        Assert.That(await RepliesAsync(client, 3, cancellationToken), Is.EqualTo("334 |535 no|550 5.7.0 Error: insufficient authorization"));
    }

    [Test, Property("Hazard", "AUTH-7"), Property("Hazard", "AUTH-8")]
    public async Task Mechanism_ThatCannotPass_IsNeitherOfferedNorTaken(
        [Values("GSSAPI", "DIGEST-MD5", "KERBEROS_V4", "GS2-KRB5", "EXTERNAL", "SCRAM-SHA-256-PLUS")] string mechanism, [Values] bool inTls,
        CancellationToken cancellationToken)
    {
        var (client, mta) = await BeginAsync(inTls, cancellationToken, $"250-AUTH {mechanism} PLAIN\r\n250-AUTH={mechanism}\r\n");
        foreach (var command in new[] { $"AUTH {mechanism} AAA=", $"auth {mechanism.ToLowerInvariant()}", $"AUTH\t{mechanism}" })
            Assert.That(await client.CommandAsync(command, cancellationToken), Is.EqualTo(NotSupported));
        await ExchangeAsync(client, mta, "AUTH PLAIN AAA=", "235 ok", cancellationToken);
        Assert.That(mta.Received, Is.EqualTo("EHLO c\r\nAUTH PLAIN AAA=\r\n"));
    }

    // Where STARTTLS is the MTA's the shield reads along no further than it can: every mechanism passes.
    [Test, Property("Hazard", "AUTH-7")]
    public async Task Mechanism_WherePassedThrough_Passes([Values("GSSAPI", "EXTERNAL")] string mechanism, CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Tls = options.Tls with { ChainFiles = [] } });
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", $"250-mx\r\n250-AUTH {mechanism}\r\n250 STARTTLS", cancellationToken);
        await ExchangeAsync(client, mta, $"AUTH {mechanism}", "535 no", cancellationToken);
    }

    [Test, Property("Hazard", "AUTH-9")]
    public async Task Auth_BeforeTlsWithAuthOnly_IsNeitherOfferedNorTaken([Values] bool encrypt, CancellationToken cancellationToken)
    {
        Reconfigure(options =>
            options with { Tls = options.Tls with { AuthOnly = !encrypt, SecurityLevel = encrypt ? TlsSecurityLevel.Encrypt : TlsSecurityLevel.May } });
        const string Offer = "250-mx\r\n250-AUTH PLAIN\r\n250-AUTH=PLAIN\r\n250 ENHANCEDSTATUSCODES\r\n";
        var (client, mta) = await ConnectAsync(cancellationToken);
        Assert.That(await EhloAsync(client, mta, Offer, cancellationToken), Does.Not.Contain("AUTH"));
        Assert.That(await client.CommandAsync("AUTH PLAIN AAA=", cancellationToken),
            Is.EqualTo(encrypt ? "530 5.7.0 Must issue a STARTTLS command first" : "503 5.5.1 Error: authentication not enabled"));
        Assert.That(mta.Received, Is.EqualTo("EHLO c\r\n"));
        var inside = await StartTlsAsync(client, cancellationToken);
        Assert.That(await EhloAsync(client, inside, Offer, cancellationToken), Does.Contain("250-AUTH PLAIN\n250-AUTH=PLAIN"));
        await ExchangeAsync(client, inside, "AUTH PLAIN AAA=", "235 ok", cancellationToken);
    }

    private static async Task<string> EhloAsync(RawSmtpClient client, MtaConnection mta, string reply, CancellationToken cancellationToken)
    {
        await client.SendAsync("EHLO c\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO c"));
        await mta.SendAsync(reply, cancellationToken);
        return await client.ReplyAsync(cancellationToken);
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta)> BeginAsync(
        bool inTls, CancellationToken cancellationToken, string offer = "250-AUTH PLAIN LOGIN\r\n")
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        if (inTls)
            mta = await StartTlsAsync(client, cancellationToken);
        var offered = await EhloAsync(client, mta, "250-mx\r\n" + offer + "250 ENHANCEDSTATUSCODES\r\n", cancellationToken);
        Assert.That(offered.Split('\n').Where(static line => line.Contains("AUTH", StringComparison.Ordinal)),
            Is.EqualTo(offer.Contains("AUTH=", StringComparison.Ordinal) ? ["250-AUTH PLAIN"] : new[] { "250-AUTH PLAIN LOGIN" }));
        return (client, mta);
    }
}
