using System.Net;
using System.Text;
using SmtpShield.PostfixTests.ThirdParty;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.PostfixTests;

/// <summary>
/// Guessing passwords at a real Postfix with SASL: <c>shield_client_auth_failure_rate_limit</c> holds within a session and in those that were
/// open before, not at connect alone.
/// </summary>
[Parallelizable(ParallelScope.Self)]
public sealed class PasswordGuessingTests
{
    private const int Limit = 3;
    private const int Guesses = 40;
    private const string Spent = "421 4.7.0 mail.example.test Error: too many authentication failures from 127.83.0.1";

    private static readonly IPAddress s_client = IPAddress.Parse("127.83.0.1");
    private static readonly IPAddress s_other = IPAddress.Parse("127.83.0.2");
    private static readonly Dictionary<string, string> s_limits = new()
    {
        ["shield_client_auth_failure_rate_limit"] = $"{Limit}",
        ["smtpd_soft_error_limit"] = "100",
        ["smtpd_hard_error_limit"] = "200",
    };

    private readonly SaslServer _sasl = new("good", "right");
    private PostfixInstance? _postfix;

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        string[] services = ["one-session", "message-between", "login", "open-before"];
        _postfix = await PostfixInstance.StartAsync([.. services.Select(name => PostfixService.WithoutLimits(name, _sasl.Parameters))],
            TestContext.CurrentContext.CancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        await _sasl.DisposeAsync();
    }

    /// <summary>One session that stays open; each accepted message would clear its errors.</summary>
    [TestCase("one-session", false)]
    [TestCase("message-between", true)]
    [CancelAfter(60_000)]
    public async Task Guesses_OfOneOpenSession_ReachTheMtaUpToTheLimitAndOne(string service, bool sendsMail, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf(service), s_limits, cancellationToken);
        await using var client = await GreetAsync(shield, s_client, cancellationToken);
        var replies = new List<string>();
        for (var number = 1; number <= Guesses && replies.LastOrDefault() is null or "535 5.7.8 Error: authentication failed: (reason unavailable)"; number++)
        {
            if (sendsMail && number > 1)
                await SendMailAsync(client, cancellationToken);
            replies.Add(await client.CommandAsync(Plain($"wrong{number}"), cancellationToken));
        }

        Assert.That(replies, Has.Count.EqualTo(Limit + 2));
        Assert.That(replies[^1], Is.EqualTo(Spent));
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("closed"));
        Assert.That(await GuessesSeenAsync(service, cancellationToken), Is.EqualTo(Limit + 1));
        await shield.StopAsync(cancellationToken);
    }

    /// <summary>The same with the password behind a challenge, where each guess is a response and not a command.</summary>
    [Test]
    [CancelAfter(60_000)]
    public async Task Guesses_BehindAChallenge_ReachTheMtaUpToTheLimitAndOne(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf("login"), s_limits, cancellationToken);
        await using var client = await GreetAsync(shield, s_client, cancellationToken);
        var last = "";
        for (var number = 1; number <= Guesses && !last.StartsWith("421", StringComparison.Ordinal); number++)
        {
            foreach (var line in new[] { "AUTH LOGIN", Base64("good"), Base64($"wrong{number}") })
            {
                last = await client.CommandAsync(line, cancellationToken);
                if (last.StartsWith("421", StringComparison.Ordinal))
                    break;
            }
        }

        Assert.That(last, Is.EqualTo(Spent));
        Assert.That(await GuessesSeenAsync("login", cancellationToken), Is.EqualTo(Limit + 1));
        await shield.StopAsync(cancellationToken);
    }

    /// <summary>
    /// Sessions opened before the budget was spent, one of them at the prompt for the password, end when they guess. Another client may log in.
    /// </summary>
    [Test]
    [CancelAfter(60_000)]
    public async Task Guesses_OfSessionsOpenedBefore_EndThemWithoutTheMta(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(Postfix.EndPointOf("open-before"), s_limits, cancellationToken);
        await using var guesser = await GreetAsync(shield, s_client, cancellationToken);
        await using var before = await GreetAsync(shield, s_client, cancellationToken);
        await using var prompted = await GreetAsync(shield, s_client, cancellationToken);
        Assert.That(await prompted.CommandAsync("AUTH LOGIN", cancellationToken), Does.StartWith("334"));
        Assert.That(await prompted.CommandAsync(Base64("good"), cancellationToken), Does.StartWith("334"));
        for (var number = 1; number <= Limit + 1; number++)
            Assert.That(await guesser.CommandAsync(Plain($"wrong{number}"), cancellationToken), Does.StartWith("535"));

        Assert.That(await before.CommandAsync(Plain("right"), cancellationToken), Is.EqualTo(Spent), "the right password would be found by the next guess");
        Assert.That(await before.ReplyAsync(cancellationToken), Is.EqualTo("closed"));
        Assert.That(await prompted.CommandAsync(Base64("right"), cancellationToken), Is.EqualTo(Spent));
        Assert.That(await prompted.ReplyAsync(cancellationToken), Is.EqualTo("closed"));
        await using var late = await RawSmtpClient.ConnectAsync(shield.EndPoint, s_client, cancellationToken);
        Assert.That(await late.ReplyAsync(cancellationToken), Is.EqualTo(Spent));
        await using var other = await GreetAsync(shield, s_other, cancellationToken);
        Assert.That(await other.CommandAsync(Plain("right"), cancellationToken), Does.StartWith("235"));
        Assert.That(await other.CommandAsync("QUIT", cancellationToken), Does.StartWith("221"));
        Assert.That(await guesser.CommandAsync(Plain("right"), cancellationToken), Is.EqualTo(Spent));
        Assert.That(await GuessesSeenAsync("open-before", cancellationToken), Is.EqualTo(Limit + 1));
        await shield.StopAsync(cancellationToken);
    }

    private async Task<int> GuessesSeenAsync(string service, CancellationToken cancellationToken)
    {
        var log = Postfix.LogOf(service);
        await log.WaitForQuietAsync(cancellationToken);
        return log.Texts.Count(static text => text.Contains(" authentication failed", StringComparison.Ordinal));
    }

    private static async Task<RawSmtpClient> GreetAsync(ShieldProcess shield, IPAddress from, CancellationToken cancellationToken)
    {
        var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, from, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220"));
        Assert.That(await client.CommandAsync("EHLO client.example", cancellationToken), Does.Contain("AUTH PLAIN LOGIN"));
        return client;
    }

    private static async Task SendMailAsync(RawSmtpClient client, CancellationToken cancellationToken)
    {
        foreach (var (line, reply) in new[] { ("MAIL FROM:<a@client.example>", "250"), ("RCPT TO:<good@example.test>", "250"), ("DATA", "354"), (".", "250") })
            Assert.That(await client.CommandAsync(line, cancellationToken), Does.StartWith(reply));
    }

    private static string Plain(string password) => "AUTH PLAIN " + Base64($"\0good\0{password}");

    private static string Base64(string text) => Convert.ToBase64String(Encoding.ASCII.GetBytes(text));
}
