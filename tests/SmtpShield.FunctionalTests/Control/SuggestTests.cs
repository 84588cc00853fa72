using System.Net;
using System.Text.Json;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>What the shield proposes, of what clients do over the wire, and how it gets into shadow.</summary>
internal sealed class SuggestTests : TuningFixture
{
    [TestCase("/v1/suggest", 200)]
    [TestCase("/v1/suggest?days=7&margin=1.5&service=submission", 200)]
    [TestCase("/v1/suggest?days=0", 400)]
    [TestCase("/v1/suggest?days=8", 400)]
    [TestCase("/v1/suggest?days=x", 400)]
    [TestCase("/v1/suggest?margin=0.9", 400)]
    [TestCase("/v1/suggest?margin=-2", 400)]
    [TestCase("/v1/suggest?margin=NaN", 400)]
    [TestCase("/v1/suggest?margin=1e400", 400)]
    [TestCase("/v1/suggest?margn=2", 400)]
    [TestCase("/v1/suggest?service=nix", 404)]
    [Property("Operations", "OPS-2")]
    public async Task Suggest_Request_HasItsStatus(string resource, int expected, CancellationToken cancellationToken)
    {
        Assert.That((await AskAsync(HttpMethod.Get, resource, cancellationToken)).Status, Is.EqualTo(expected));
        Assert.That((await AskAsync(HttpMethod.Post, resource, cancellationToken, "{}")).Status, Is.EqualTo(405));
    }

    [Test]
    [Property("Operations", "OPS-20")]
    public async Task Suggest_OfSessionsOverTheWire_HasWhatTheyDidAlsoBehindARestart(CancellationToken cancellationToken)
    {
        // It accepts all of it.
        Mta.Serve(static async connection =>
        {
            await connection.SendAsync("220 mx\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is { } line)
            {
                await connection.SendAsync(
                    line.StartsWith("DATA", StringComparison.Ordinal) ? "354 go on\r\n" : line.StartsWith("QUIT", StringComparison.Ordinal) ? "221 bye\r\n"
                        : "250 ok\r\n",
                    CancellationToken.None);
                if (line.StartsWith("DATA", StringComparison.Ordinal))
                {
                    await connection.ReadThroughAsync("\r\n.\r\n", CancellationToken.None);
                    await connection.SendAsync("250 accepted\r\n", CancellationToken.None);
                }
            }
        });
        for (var i = 0; i < 2; i++)
        {
            await using var client = await RawSmtpClient.ConnectAsync(Shield.EndPointOf("smtp"), IPAddress.Loopback, cancellationToken);
            await client.ReplyAsync(cancellationToken);
            foreach (var command in (string[])[
                "EHLO c.example", "MAIL FROM:<a@c.example>", "RCPT TO:<b@d.example>", "RCPT TO:<c@d.example>", "DATA", "Subject: x\r\n\r\ny\r\n.", "QUIT"])
            {
                await client.CommandAsync(command, cancellationToken);
            }
        }

        await Eventually.HoldsAsync(() => Shield.Drain.Connections == 0, TimeSpan.FromSeconds(20), "both are over", cancellationToken);
        Time.Advance(TimeSpan.FromSeconds(600));
        Shield.Anvil.RemoveExpired();
        var before = await DoAsync(HttpMethod.Get, "/v1/suggest?service=smtp", cancellationToken);
        Assert.That(Shield.Baselines.Lines(), Is.EqualTo((string[])[
            "smtp 20785 600 smtpd_client_connection_count_limit delivers 1 1:2", "smtp 20785 600 smtpd_client_connection_rate_limit delivers 2 2:1",
            "smtp 20785 600 smtpd_client_message_rate_limit delivers 2 2:1", "smtp 20785 600 smtpd_client_recipient_rate_limit delivers 4 4:1",
            "smtp 20785 600 smtpd_hard_error_limit delivers 0 0:2"]), "message and recipient rates are not limited");
        Assert.That(before.GetProperty("services")[0].GetProperty("limits")[1].GetProperty("limit").GetString(), Is.EqualTo(Rate));

        await RestartAsync();
        var after = await DoAsync(HttpMethod.Get, "/v1/suggest?service=smtp", cancellationToken);
        Assert.That(after.GetRawText(), Is.EqualTo(before.GetRawText()));
    }

    [Test]
    [Property("Operations", "OPS-20")]
    public async Task Write_Shadow_PutsWhatIsProposedInShadowAndNothingInForce(CancellationToken cancellationToken)
    {
        Assert.That(await RunAsync("suggest --write shadow", cancellationToken), Is.EqualTo((1,
            "smtp, 7 days, 0 clients that deliver mail, windows of 600s, margin 2\n"
            + "nothing was seen yet: what a client does counts when its window is over\n"
            + "behind STARTTLS that is passed on nobody knows who delivers mail\n"
            + "submission, 7 days, 0 clients that deliver mail, windows of 600s, margin 2\n"
            + "nothing was seen yet: what a client does counts when its window is over\n"
            + "behind STARTTLS that is passed on nobody knows who delivers mail\n"
            + "smtpshield: nothing is proposed, so nothing was written (let clients come for some days)\n")));

        Assert.That(Shield.Baselines.TryRestore($"smtp 20785 600 {Rate} delivers 13 13:3000"), Is.True);
        Assert.That(Shield.Baselines.TryRestore("smtp 20785 600 smtpd_client_recipient_rate_limit delivers 60 60:100"), Is.True);
        Assert.That(Shield.Baselines.TryRestore($"submission 20785 600 {Rate} delivers 12 12:99 10:1"), Is.True);
        var (status, output) = await RunAsync("suggest --write shadow --why trial", cancellationToken);
        Assert.That(status, Is.Zero, output);
        Assert.That(output, Does.Match(@"\nsmtpd_client_connection_rate_limit +3000 +13   13   13     13   13   30        60   -\n")
            .And.Match(@"\nsmtpd_client_connection_rate_limit +100 +12   12   12     -    12   30\*       10   -\n")
            .And.EndWith($"7 days can miss a newsletter or a month's end.\nsaved in {MainCf}, and in force\n"));
        Assert.That(await File.ReadAllTextAsync(MainCf, cancellationToken),
            Does.Contain($"smtp/inet/shield_shadow = {Rate}=30, smtpd_client_recipient_rate_limit=200\n")
                .And.Contain($"submission/inet/shield_shadow = {Rate}=30\n"));
        Assert.That((Limits().ClientConnectionRateLimit, Limits("submission").ClientConnectionRateLimit, Limits().ClientRecipientRateLimit),
            Is.EqualTo((60, 10, 0)));
        Assert.That((Shield.Snapshot.Current.Of("smtp").InShadow!.Limits.ClientConnectionRateLimit,
            Shield.Snapshot.Current.Of("submission").InShadow!.Limits.ClientConnectionRateLimit), Is.EqualTo((30, 30)));

        // Again: values of the same limits may be replaced. A limit that is in shadow by its name would come into force.
        Assert.That((await RunAsync("suggest --write shadow --service smtp --margin 3", cancellationToken)).Status, Is.Zero);
        Assert.That(Shield.Snapshot.Current.Of("smtp").InShadow!.Limits.ClientConnectionRateLimit, Is.EqualTo(50));
        await SaveAsync("shield_shadow = smtpd_hard_error_limit");
        await DoAsync(HttpMethod.Post, "/v1/reload", cancellationToken, "{}");
        var text = await File.ReadAllTextAsync(MainCf, cancellationToken);
        (status, output) = await RunAsync("suggest --write shadow", cancellationToken);
        Assert.That((status, await File.ReadAllTextAsync(MainCf, cancellationToken)), Is.EqualTo((1, text)));
        Assert.That(output, Does.EndWith(
            "smtpshield: smtp: smtpd_hard_error_limit is in shadow already, and nothing was written "
            + "(empty it first: smtpshield postconf -e shield_shadow=)\n"));
    }

    /// <summary>Nobody who was seen delivers mail, so there is no number to leave out by chance.</summary>
    [Test]
    [Property("Operations", "OPS-20")]
    public async Task Suggest_OnlyClientsThatDeliverNothingSeen_ProposesNothing(CancellationToken cancellationToken)
    {
        Assert.That(Shield.Baselines.TryRestore($"smtp 20785 600 {Rate} other 13 13:3000"), Is.True);
        var (status, output) = await RunAsync("suggest --service smtp", cancellationToken);
        Assert.That((status, output), Is.EqualTo((0, output)));
        Assert.That(output, Does.Match(@"\nsmtpd_client_connection_rate_limit +0 +- +- +- +- +- +- +60 +-"));
    }

    [Test]
    public async Task Suggest_AsJson_IsTheAnswerOfTheApi(CancellationToken cancellationToken)
    {
        var (_, body) = await AskAsync(HttpMethod.Get, "/v1/suggest?days=3", cancellationToken);
        Assert.That(await RunAsync("suggest --days 3 --json", cancellationToken), Is.EqualTo((0, body)));
        Assert.That(JsonDocument.Parse(body).RootElement.GetProperty("days").GetInt32(), Is.EqualTo(3));
    }
}
