using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.FunctionalTests.Transport;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// Many sessions at once, in each of which every line that either side says bears a mark of that side: nobody may ever hear another session's. Some are broken
/// off in the middle, so that buffers and descriptors change hands all the time.
/// </summary>
[TestFixtureSource(typeof(TestedTransport), nameof(TestedTransport.Names))]
[CancelAfter(180_000)]
public sealed partial class OctetsOfOthersTests(string transport)
{
    private const int AtATime = 48;
    private const int SessionsOfEach = 25;

    private readonly ConcurrentQueue<string> _problems = new();
    private int _mtas;
    private int _complete;

    [Test]
    public async Task Sessions_ManyAtOnce_HearNothingOfEachOther(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(connection => ServeAsync(connection, $"m{Interlocked.Increment(ref _mtas):D6}x", cancellationToken));
        var options = ShieldUnderTest.Before(mta);
        var choice = Enum.Parse<TransportChoice>(transport, ignoreCase: true);
        await using var shield = await ShieldUnderTest.StartAsync(
            options with { Listener = options.Listener with { Transport = choice }, Upstream = options.Upstream with { Connect = UpstreamConnect.Connect } },
            cancellationToken);
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(index => Task.Run(() => TalkAsync(shield.EndPoint, index, cancellationToken))));

        Assert.That(_problems, Is.Empty);
        Assert.That(CheckedBuffers.OfShields.Problems, Is.Empty);
        Assert.That(shield.Log.Errors, Is.Empty);
        Assert.That(_complete, Is.GreaterThan(AtATime * SessionsOfEach / 4));
    }

    private async Task TalkAsync(IPEndPoint shield, int index, CancellationToken cancellationToken)
    {
        var random = new Random(index);
        for (var count = 0; count < SessionsOfEach && _problems.IsEmpty; count++)
        {
            var number = (index * SessionsOfEach) + count;
            var mark = string.Create(CultureInfo.InvariantCulture, $"c{number:D6}x");
            var address = new IPAddress([127, 9, (byte)(number >> 8), (byte)number]);
            await using var client = await RawSmtpClient.ConnectAsync(shield, address, cancellationToken);
            await SayAllAsync(client, mark, random, cancellationToken);
        }
    }

    private async Task SayAllAsync(RawSmtpClient client, string mark, Random random, CancellationToken cancellationToken)
    {
        var greeting = await client.ReplyAsync(cancellationToken);
        var marks = $"{mark} {Mark().Match(greeting).Value}";
        if (!IsHeard(greeting, marks, "greeting"))
            return;

        var last = random.Next(3) == 0 ? random.Next(6) : int.MaxValue;
        var line = 0;
        string[] commands = [$"EHLO {mark}.example", $"MAIL FROM:<{mark}@client.example>", $"RCPT TO:<{mark}@mta.example>", $"NOOP {mark}", "DATA"];
        foreach (var command in commands)
        {
            if (line++ == last)
            {
                // Whatever comes of the command comes to nobody.
                await client.SendAsync($"{command}\r\n", cancellationToken);
                await client.VanishAsync(reset: random.Next(2) == 0);
                return;
            }

            if (!IsHeard(await client.CommandAsync(command, cancellationToken), marks, command))
                return;
        }

        await client.SendAsync(string.Concat(Enumerable.Repeat($"{mark} {mark}\r\n", random.Next(1, 4000))), cancellationToken);
        if (line == last)
        {
            await client.VanishAsync(reset: true);
            return;
        }

        if (!IsHeard(await client.CommandAsync(".", cancellationToken), marks, "content"))
            return;

        await client.SendAsync("QUIT\r\n", cancellationToken);
        if (IsHeard(await client.ReadToEndAsync(cancellationToken), marks, "QUIT"))
            Interlocked.Increment(ref _complete);
    }

    private async Task ServeAsync(MtaConnection connection, string mark, CancellationToken cancellationToken)
    {
        await connection.SendAsync($"220 {mark} ESMTP {mark}\r\n", cancellationToken);
        string? client = null;
        var commands = 0;
        while (await connection.ReadLineAsync(cancellationToken) is { } line && line != "QUIT")
        {
            client ??= Mark().Match(line).Value;
            if (line is not "DATA" && !IsHeard(line, client, $"the MTA {mark}"))
                return;
            if (++commands == 4 && mark.EndsWith("7x", StringComparison.Ordinal))
            {
                connection.Close(reset: true);
                return;
            }

            var reply = line switch
            {
                "DATA" => $"354 {mark} {client}\r\n",
                _ when line.StartsWith("EHLO", StringComparison.Ordinal) => $"250-{mark} {client}\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
                _ => $"250-{mark} {client}\r\n250 {mark} {client}\r\n",
            };
            await connection.SendAsync(reply, cancellationToken);
            if (line is not "DATA")
                continue;
            if (await connection.ReadThroughAsync("\r\n.\r\n", cancellationToken) is not { } content || !IsHeard(content[..^3], client, $"content for {mark}"))
                return;
            await connection.SendAsync($"250 {mark} {client}\r\n", cancellationToken);
        }

        await connection.SendAsync($"221 {mark} {client}\r\n", cancellationToken);
        connection.EndSending();
    }

    // The shield's own 421, in place of an MTA that is gone, has no mark; nothing is heard behind it.
    private bool IsHeard(string text, string marks, string where)
    {
        var isOwn = text is "closed" or "" or "421 mail.example.com Error: mail server unavailable";
        var heard = Mark().Matches(text).Select(static match => match.Value).ToList();
        if (text.All(static octet => octet is >= ' ' and <= '~' or '\r' or '\n') && heard.TrueForAll(marks.Contains) && (isOwn || heard.Count > 0))
            return !isOwn;

        _problems.Enqueue($"{marks}, {where}: {text[..Math.Min(text.Length, 400)]}");
        return false;
    }

    [GeneratedRegex(@"[cm]\d{6}x")]
    private static partial Regex Mark();
}
