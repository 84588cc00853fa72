using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// <c>smtpd_forbid_unauth_pipelining</c>, on as by default: what has arrived behind a command it must not stand behind. One write each:
/// what comes later is not early.
/// </summary>
[CancelAfter(8_000)]
internal sealed class ImproperPipeliningTests : RelayFixture
{
    private const string Refusal = "554 5.5.0 Error: SMTP protocol synchronization\r\n";

    protected override ShieldOptions Configure(ShieldOptions options) => options with { Smtpd = options.Smtpd with { ForbidUnauthPipelining = true } };

    [TestCase("EHLO x\r\n", TestName = "PIPE-9a")]
    [TestCase("\u00ff\u00fb\u001f\u00ff\u00fb\u0020", TestName = "X-4")]
    [TestCase("\r\n", TestName = "PIPE-9b")]
    public async Task Client_TalksWhileTheMtaIsDialled_IsRefusedInPlaceOfAGreeting(string input)
    {
        var cancellationToken = TestContext.CurrentContext.CancellationToken;
        await using var client = await Shield.ConnectAsync(cancellationToken);
        var mta = await Mta.AcceptAsync(cancellationToken);
        await client.SendAsync(input, cancellationToken);
        await mta.SendAsync("220 mx\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refusal));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.ReceivedOfClient, Is.Empty);
        Assert.That(Shield.Log.Lines, Has.One.StartsWith("improper command pipelining after CONNECT from unknown[127.0.0.1]: "));
    }

    [Test, Property("Hazard", "PIPE-9")]
    public async Task Client_HasTalkedBeforeItIsAccepted_IsRefusedWithoutADial(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Listener = options.Listener with { DefaultProcessLimit = 1 } });
        var (first, mta) = await ConnectAsync(cancellationToken);
        await using var second = await Shield.ConnectAsync(cancellationToken);
        await second.SendAsync("EHLO x\r\n", cancellationToken);
        await ExchangeAsync(first, mta, "QUIT", "221 bye", cancellationToken);

        Assert.That(await second.ReadToEndAsync(cancellationToken), Is.EqualTo(Refusal));
        Reconfigure(static options => options with { Listener = options.Listener with { DefaultProcessLimit = 10 } });
        var (third, next) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(third, next, "NOOP", "250 this is the next connection the MTA got", cancellationToken);
    }

    [Test, Property("Hazard", "PIPE-9")]
    public async Task Client_TalksBeforeItsGreetingAndMay_IsServed(CancellationToken cancellationToken)
    {
        Reconfigure(static options => options with { Smtpd = options.Smtpd with { ForbidUnauthPipelining = false } });
        await using var client = await Shield.ConnectAsync(cancellationToken);
        var mta = await Mta.AcceptAsync(cancellationToken);
        await client.SendAsync("EHLO we-guess.mozilla.org\r\nQUIT\r\n", cancellationToken);
        await mta.SendAsync("220 mx\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("EHLO we-guess.mozilla.org"));
        await mta.SendAsync("250 mx\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("QUIT"));
        await mta.SendAsync("221 bye\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("220 mx\r\n250 mx\r\n221 bye\r\n"));
    }

    // Behind EHLO: the commands whose reply the client must have seen, whatever PIPELINING allows.
    [TestCase("EHLO", "EHLO c")]
    [TestCase("HELO", "HELO c")]
    [TestCase("NOOP", "NOOP")]
    [TestCase("VRFY", "VRFY a")]
    [TestCase("DATA", "DATA")]
    [TestCase("DATA", " dAtA ")]
    [Property("Hazard", "PIPE-10")]
    public async Task Command_WithInputBehindItThatMustWait_IsRefusedAndNeverReachesTheMta(string verb, string command, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync("EHLO c", cancellationToken);
        await client.SendAsync($"{command}\r\nX", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refusal));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.Empty);
        Assert.That(Shield.Log.Lines, Has.One.EqualTo($"improper command pipelining after {verb} from unknown[127.0.0.1]: X"));
    }

    [TestCase("MAIL FROM:<a@x>\r\n", "RCPT TO:<b@y>\r\nDATA\r\n")]
    [TestCase("RSET\r\n", "MAIL FROM:<a@x>\r\nVRFY a\r\n")]
    [Property("Hazard", "PIPE-10")]
    public async Task Group_AfterEhlo_IsForwarded(string first, string rest, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync("EHLO c", cancellationToken);
        await client.SendAsync(first + rest, cancellationToken);
        await mta.ReadToLengthAsync(start + first.Length + rest.Length, cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo(first + rest));
    }

    [TestCase("HELO c")]
    [TestCase(null)]
    [Property("Hazard", "PIPE-10"), Property("Hazard", "EHLO-3")]
    public async Task Group_WithoutEhlo_IsRefused(string? hello, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync(hello, cancellationToken);
        await client.SendAsync("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo(Refusal));
        Assert.That(mta.Received[start..], Is.Empty);
    }

    [Test, Property("Hazard", "EHLO-3")]
    public async Task Ehlo_RefusedAndHeloAccepted_WorksOneCommandAtATimeAndBdatIsNotKnown(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync(null, cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "502 no", cancellationToken);
        await ExchangeAsync(client, mta, "HELO c", "250 mx", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        await client.SendAsync("BDAT 5 LAST\r\n", cancellationToken);
        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("521 5.5.1 Error: command not implemented\r\n"));
    }

    // As Postfix: an unknown word, a blank line and QUIT are answered first; QUIT then just ends.
    [TestCase("FOO", "500 what")]
    [TestCase("", "500 what")]
    [TestCase("QUIT", "221 bye")]
    [Property("Hazard", "PIPE-10")]
    public async Task Command_ThatIsNotJudged_ReachesTheMtaThoughInputIsBehindIt(string command, string reply, CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync(null, cancellationToken);
        await client.SendAsync($"{command}\r\nNOOP\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        if (command == "QUIT")
            await mta.Ended.WaitAsync(cancellationToken);
        else
            Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo("NOOP"));
        await mta.SendAsync("250 ok\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply));
        Assert.That(mta.Received[start..], Is.EqualTo(command == "QUIT" ? "QUIT\r\n" : command + "\r\nNOOP\r\n"));
    }

    [Test, Property("Hazard", "PIPE-11")]
    public async Task Data_WithItsContentBehindIt_IsRefusedAndTheMtaSeesNeither(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginAsync("EHLO c", cancellationToken);
        await client.SendAsync("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("<b@y>\r\n", cancellationToken);
        await mta.SendAsync("250 1\r\n250 2\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 1\r\n250 2\r\n" + Refusal));
        await mta.Ended.WaitAsync(cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n"));
    }

    [Test, Property("Hazard", "PIPE-11"), Property("Hazard", "EOD-1")]
    public async Task Data_BehindTheEndOfAMessageWithContentBehindIt_IsRefused(CancellationToken cancellationToken)
    {
        var (client, mta, start) = await BeginDataAsync(cancellationToken);
        await client.SendAsync("a\r\n.\r\nMAIL FROM:<m@x>\r\nRCPT TO:<v@y>\r\nDATA\r\nb\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        Assert.That(mta.Received[start..], Is.EqualTo("a\r\n.\r\n"));
        await mta.SendAsync("250 1\r\n", cancellationToken);
        await mta.ReadThroughAsync("<v@y>\r\n", cancellationToken);
        await mta.SendAsync("250 2\r\n250 3\r\n", cancellationToken);

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("250 1\r\n250 2\r\n250 3\r\n" + Refusal));
        Assert.That(mta.Received[start..], Is.EqualTo("a\r\n.\r\nMAIL FROM:<m@x>\r\nRCPT TO:<v@y>\r\n"));
    }

    [Test, Property("Hazard", "PIPE-7")]
    public async Task Disconnect_BehindCommandsTheMtaNeverAnswers_EndsWithThem(CancellationToken cancellationToken)
    {
        var (client, mta, _) = await BeginAsync("EHLO c", cancellationToken);
        await client.SendAsync("MAIL FROM:<a@x>\r\nDATA\r\nx", cancellationToken);
        await mta.ReadLineAsync(cancellationToken);
        Assert.That(client.Unread(), Is.Empty);
        mta.Close();

        Assert.That(await client.ReadToEndAsync(cancellationToken), Is.EqualTo("421 4.3.0 mail.example.com Error: mail server unavailable\r\n"));
    }

    private async Task<(RawSmtpClient Client, MtaConnection Mta, int Start)> BeginAsync(string? hello, CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        if (hello is not null)
            await ExchangeAsync(client, mta, hello, "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
        return (client, mta, mta.ReceivedLength);
    }
}
