using System.Security.Authentication;
using System.Text;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.FunctionalTests.Observe;

/// <summary>A client's name and password are nowhere in what the shield says of its sessions, however the client and the MTA behave.</summary>
[NonParallelizable]
internal sealed class CredentialTests
{
    private const string User = "marked-user-7Qz";
    private const string Secret = "marked+secret/9Kw";

    private static readonly string s_plain = Base64($"\0{User}\0{Secret}");
    private static readonly string s_user = Base64(User);
    private static readonly string s_secret = Base64(Secret);
    private static readonly string s_long = s_plain + new string('A', 13_000);

    // What the client sends, a write each, and what the MTA says to each line that is not EHLO; "fin" and "rst" close its connection.
    private static readonly (string Name, string[] Writes, string[] Replies)[] s_dialogues =
    [
        ("right", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], ["235 ok"]),
        ("wrong", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], ["535 5.7.8 no"]),
        ("login", ["EHLO c\r\n", "AUTH LOGIN\r\n", $"{s_user}\r\n", $"{s_secret}\r\n"],
            ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6"]),
        ("login with name", ["EHLO c\r\n", $"auth login {s_user}\r\n", $"{s_secret}\r\n"], ["334 UGFzc3dvcmQ6", "235 ok"]),
        ("echoed", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n", $"AUTH PLAIN {s_plain}\r\n"],
            [$"535 5.7.8 Error: authentication failed: {User} {Secret}", $"535 5.7.8 {s_plain}"]),
        ("echoed in a malformed reply", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], [$"{s_plain} {User} {Secret}"]),
        ("echoed in a reply that is none to AUTH", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], [$"354 {s_plain} {Secret}"]),
        ("echoed in the challenge", ["EHLO c\r\n", "AUTH LOGIN\r\n", $"{s_user}\r\n"], [$"334 {s_user}", $"334 {s_user}", $"421 4.7.0 {User}"]),
        ("blanks", ["EHLO c\r\n", $" aUtH\t PLAIN\t{s_plain} \r\n", $"\v\fAUTH\tPLAIN\t{s_plain}\r\n"], ["535 no", "535 no"]),
        ("no mechanism", ["EHLO c\r\n", $"AUTH {s_plain}\r\n", $"AUTH {User} {Secret}\r\n", $"AUTH{s_plain}\r\n"], ["535 5.5.4 no", "535 no", "500 no"]),
        ("unknown mechanism", ["EHLO c\r\n", $"AUTH X-{User} {s_plain}\r\n", $"AUTH GSSAPI {s_plain}\r\n", $"AUTH EXTERNAL {s_user}\r\n"],
            ["504 no", "504 no", "504 no"]),
        ("malformed", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\0\r\n", $"AUTH\0PLAIN {s_plain}\r\n", $"AUTH PLAIN\r{s_plain}\r\n", $"{User}:{Secret}\r\n"],
            ["501 no", "501 no", "501 no"]),
        ("typed as a command", ["EHLO c\r\n", "AUTH LOGIN\r\n", $"{s_user}\r\n", $"{s_secret}\r\n"], ["503 no", "500 no", "500 no"]),
        ("typed plain as a command", ["EHLO c\r\n", "AUTH LOGIN\r\n", $"{User}:{Secret}\r\n"], ["503 no", "500 no"]),
        ("typed as a forbidden command", ["EHLO c\r\n", "AUTH LOGIN\r\n", $"{s_user.ToLowerInvariant()}{User}\r\n"], ["503 no", "500 no"]),
        ("pipelined", ["EHLO c\r\n", $"AUTH LOGIN\r\n{s_user}\r\n{s_secret}\r\n"], ["503 no", "500 no", "500 no"]),
        ("behind EHLO", [$"EHLO c\r\nAUTH PLAIN {s_plain}\r\n"], []),
        ("behind HELO", ["HELO c\r\n", $"AUTH PLAIN\r\n{s_plain}\r\n"], ["250 ok"]),
        ("behind NOOP in a group", ["EHLO c\r\n", $"NOOP\r\nNOOP\r\nAUTH LOGIN {s_user}\r\n"], ["250 ok"]),
        ("behind STARTTLS", ["EHLO c\r\n", $"STARTTLS\r\nAUTH PLAIN {s_plain}\r\n"], []),
        ("first", [$"AUTH PLAIN {s_plain}\r\n"], ["535 no"]),
        ("before the greeting", [$"!EHLO c\r\nAUTH PLAIN {s_plain}\r\n"], []),
        ("before the greeting, over HTTP", [$"!POST / HTTP/1.1\r\nAuthorization: Basic {s_plain}\r\n\r\n"], []),
        ("over HTTP", ["EHLO c\r\n", $"Authorization: Basic {s_plain}\r\n"], []),
        ("binary", [$"\u0001AUTH PLAIN {s_plain}\r\n"], []),
        ("long command", ["EHLO c\r\n", $"AUTH PLAIN {s_long}\r\n", "NOOP\r\n"], ["250 ok"]),
        ("long response", ["EHLO c\r\n", "AUTH PLAIN\r\n", $"{s_long}\r\n", "NOOP\r\n"], ["334 ", "501 cancelled", "250 ok"]),
        ("long line behind AUTH", ["EHLO c\r\n", "AUTH PLAIN\r\n", $"{s_long}\r\n", "NOOP\r\n"], ["503 no", "250 ok"]),
        ("ambiguous response", ["EHLO c\r\n", "AUTH PLAIN\r\n", $"{s_plain}\r{s_plain}\r\n"], ["334 ", "501 cancelled"]),
        ("cut off in the command", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}"], []),
        ("cut off in the response", ["EHLO c\r\n", "AUTH LOGIN\r\n", s_user], ["334 "]),
        ("the MTA closes", ["EHLO c\r\n", "AUTH LOGIN\r\n", $"{s_user}\r\n"], ["334 ", "fin"]),
        ("the MTA resets", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], ["rst"]),
        ("the MTA says too much", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], [$"235 ok\r\n250 {User} {Secret}"]),
        ("EHLO refused", ["EHLO c\r\n", $"AUTH PLAIN {s_plain}\r\n"], ["235 ok"]),
    ];

    private static IEnumerable<string> Needles =>
        new[] { User, Secret, s_plain, s_user, s_secret }.Concat(CutsOf(User)).Concat(CutsOf(Secret))
            .Concat([User.ToUpperInvariant(), Secret.ToUpperInvariant()]).Distinct();

    [Test, Property("Hazard", "AUTH-4"), CancelAfter(90_000)]
    public async Task Credentials_InAnyDialogue_AreInNoSink([Values] bool inTls, CancellationToken cancellationToken)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-test-").FullName;
        using var sink = new EverySink();
        try
        {
            await PlayAllAsync(directory, inTls, sink, cancellationToken);
            var said = sink.Said.Append(await File.ReadAllTextAsync(Path.Combine(directory, "maillog"), cancellationToken)).ToArray();
            Assert.Multiple(() =>
            {
                foreach (var needle in Needles)
                    Assert.That(said.Where(text => text.Contains(needle, StringComparison.OrdinalIgnoreCase)), Is.Empty, needle);

                // That they could have been there.
                Assert.That(said, Has.Some.Contains("improper command pipelining after EHLO from unknown[127.0.0.1]: AUTH [redacted]"));
                Assert.That(said, Has.Some.Contains("improper command pipelining after AUTH from unknown[127.0.0.1]: [redacted]"));
                Assert.That(said, Has.Some.Contains("non-SMTP command from unknown[127.0.0.1]: [redacted]"));
                Assert.That(said, Has.Some.Contains("request longer than 2048: [redacted]..."));
                Assert.That(said, Has.Some.Contains("SASL PLAIN authentication failed: authentication failure"));
                Assert.That(said, Has.Some.Contains("SASL LOGIN authentication failed: UGFzc3dvcmQ6"));
                Assert.That(said, Has.Some.Contains("unexpected reply from upstream"));
                Assert.That(said[^1], Does.Contain("disconnect from"));
            });
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task PlayAllAsync(string directory, bool inTls, EverySink sink, CancellationToken cancellationToken)
    {
        var chain = Path.Combine(directory, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.Make("mail.example.com").Chain, cancellationToken);
        await using var mta = new ScriptedMta();
        var options = ShieldUnderTest.Before(mta);
        options = options with
        {
            Smtpd = options.Smtpd with { ForbidUnauthPipelining = true,
                ForbiddenCommands = ForbiddenCommandsParser.Parse("CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}") },
            Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, ClientConnectionCountLimit = 0 },
            Log = options.Log with { MaillogFile = Path.Combine(directory, "maillog") },
            Tls = options.Tls with { ChainFiles = [chain], WrapperMode = inTls, LogLevel = 4 },
        };
        await using var shield = await ShieldUnderTest.StartAsync(
            options, cancellationToken, configureLogging: logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(sink).AddMaillog());
        foreach (var (name, writes, replies) in s_dialogues)
        {
            await TestContext.Progress.WriteLineAsync(name);
            await PlayAsync(shield, mta, inTls, writes, replies, cancellationToken);
        }

        await shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(shield.Log.Errors, Is.Empty);
    }

    private static async Task PlayAsync(
        ShieldUnderTest shield, ScriptedMta mta, bool inTls, string[] writes, string[] replies, CancellationToken cancellationToken)
    {
        await using var client = await shield.ConnectAsync(cancellationToken);
        var isEarly = writes[0][0] == '!';
        byte[]? behind = isEarly ? Encoding.Latin1.GetBytes(writes[0][1..]) : null;
        if (inTls)
            Assert.That(await client.StartTlsAsync(cancellationToken, behind: behind), Is.EqualTo(SslProtocols.Tls13));
        else if (behind is not null)
            await client.SendAsync(behind, cancellationToken);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answering = AnswerAsync(mta, replies, over.Token);
        if (isEarly)
        {
            await client.ReadToEndAsync(cancellationToken);
        }
        else
        {
            await client.ReplyAsync(cancellationToken);
            foreach (var write in writes)
            {
                await client.SendAsync(write, cancellationToken);
                if (write.EndsWith('\n'))
                    await client.ReplyAsync(cancellationToken);
            }
        }

        await client.VanishAsync(reset: false);
        await shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        await over.CancelAsync();
        await answering;
    }

    private static async Task AnswerAsync(ScriptedMta mta, string[] replies, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await mta.AcceptAsync(cancellationToken);
            await connection.SendAsync("220 mx\r\n", cancellationToken);
            var next = 0;
            while (await connection.ReadLineAsync(cancellationToken) is { } line)
            {
                var reply = line == "EHLO c"
                    ? "250-mx\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES"
                    : next < replies.Length ? replies[next++] : "500 5.5.2 what";
                if (reply is "fin" or "rst")
                {
                    connection.Close(reset: reply == "rst");
                    return;
                }

                await connection.SendAsync(reply + "\r\n", cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // The session is over, or no MTA was asked.
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.ASCII.GetBytes(text));

    // The middle of a text's base64 at each of the three places it can have in a longer one.
    private static IEnumerable<string> CutsOf(string text)
    {
        for (var shift = 0; shift < 3; shift++)
        {
            var whole = Base64(new string('x', shift) + text);
            var start = (shift * 8 + 5) / 6;
            yield return whole[start..((shift + text.Length) * 8 / 6)];
        }
    }
}
