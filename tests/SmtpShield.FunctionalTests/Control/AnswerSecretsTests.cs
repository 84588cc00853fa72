using System.Net;
using System.Text;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Clients;
using SmtpShield.Control.Events;
using SmtpShield.FunctionalTests.Session;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// What clients entrust to a mail server is in no answer: passwords, addresses of the envelope, content. The log tail, which has some, is left out.
/// </summary>
[Platform("Linux"), CancelAfter(60_000)]
[Property("Operations", "OPS-45")]
internal sealed class AnswerSecretsTests : RelayFixture
{
    private const string Password = "hunter2secret";
    private const string Sender = "secretsender";
    private const string Recipient = "secretrecipient";
    private const string Content = "secretcontent";

    private static readonly string _plain = Convert.ToBase64String(Encoding.ASCII.GetBytes($"\0alice\0{Password}"));
    private static readonly string[] _secrets =
        [Password, _plain, Convert.ToBase64String(Encoding.ASCII.GetBytes(Password)), Sender, Recipient, Content, "secretwrong"];

    private string _directory = "";

    private string Place => Path.Combine(_directory, "control.sock");

    protected override ShieldOptions Configure(ShieldOptions options)
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-secrets-").FullName;
        return options with
        {
            Limits = options.Limits with { ClientRecipientRateLimit = 2, ClientMessageRateLimit = 1, ClientAuthFailureRateLimit = 10 },
            Control = new() { Socket = Place },
        };
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task Answers_OfAllThatCanBeAsked_HaveNothingOfWhatClientsSaid(CancellationToken cancellationToken)
    {
        using var stream = Shield.Events.TryOpen(StreamTopics.All.Without(StreamTopic.Log), null)!;
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c.example", "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN", cancellationToken);
        await ExchangeAsync(client, mta, "AUTH PLAIN c2VjcmV0d3Jvbmc=", "535 5.7.8 no", cancellationToken);
        await ExchangeAsync(client, mta, $"AUTH PLAIN {_plain}", "235 2.7.0 ok", cancellationToken);
        await ExchangeAsync(client, mta, $"MAIL FROM:<{Sender}@c.example>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, $"RCPT TO:<{Recipient}1@example.com>", "550 5.1.1 no such user", cancellationToken);
        await ExchangeAsync(client, mta, $"RCPT TO:<{Recipient}2@example.com>", "250 ok", cancellationToken);
        Assert.That(await client.CommandAsync($"RCPT TO:<{Recipient}3@example.com>", cancellationToken), Does.StartWith("450 4.7.1 "), "over the limit");
        await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
        await client.SendAsync($"Subject: {Content}\r\n\r\n{Content}\r\n.\r\n", cancellationToken);
        await mta.ReadThroughAsync("\r\n.\r\n", cancellationToken);
        await mta.SendAsync("250 taken\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("250 taken"));
        Assert.That(await client.CommandAsync($"MAIL FROM:<{Sender}@c.example>", cancellationToken), Does.StartWith("450 4.7.1 "), "over the limit");

        // While the session is there, and behind its end.
        var text = new StringBuilder(await AskAllAsync(cancellationToken));
        client.EndSending();
        mta.Close();
        await Eventually.HoldsAsync(() => Shield.CountedConnections == 0, TimeSpan.FromSeconds(30), "it has left", cancellationToken);
        text.Append(await AskAllAsync(cancellationToken));
        // The stream has told what was refused when it has told what comes last.
        Shield.Anvil.Release(new("smtp", ClientRange.Of(IPAddress.Loopback, 32, 64)));
        var told = "";
        while (!told.Contains("event: released", StringComparison.Ordinal))
        {
            await stream.WaitAsync(cancellationToken);
            told += string.Concat(stream.Take().Frames.Select(static frame => Encoding.ASCII.GetString(frame.Text)));
        }

        Assert.That(told, Does.Contain("smtpd_client_recipient_rate_limit").And.Contain("smtpd_client_message_rate_limit"), "it was told of what happened");
        Assert.That($"{text}", Does.Contain("no such user"), "the MTA's own words are in the explanation");
        text.Append(told);
        Assert.That(_secrets.Where(secret => $"{text}".Contains(secret, StringComparison.OrdinalIgnoreCase)), Is.Empty);
    }

    // All but the stream, which does not end, and has its reader.
    private async Task<string> AskAllAsync(CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        foreach (var endpoint in Shield.Endpoints.OfType<RouteEndpoint>().Where(static endpoint =>
            endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Contains("GET") && endpoint.RoutePattern.RawText != "/v1/events"))
        {
            var resource = endpoint.RoutePattern.RawText!.Replace("{address}", "127.0.0.1", StringComparison.Ordinal);
            text.Append((await ControlHttp.AskAsync(Place, HttpMethod.Get, resource, cancellationToken)).Body);
        }

        return $"{text}";
    }
}
