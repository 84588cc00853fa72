using System.Globalization;
using SmtpShield.Configuration;

namespace SmtpShield.FunctionalTests.Relay;

/// <summary>
/// Sessions made up at random: what is sent, how it is cut, what the MTA answers, who closes when and how. Whatever happens, the MTA receives a prefix of what it should, the client a
/// prefix of the replies the MTA gave, in order, with at most one 421 behind them, and nothing is left.
/// </summary>
internal sealed class RandomSessionTests : RelayFixture
{
    private const string MtasBye = "221 bye\r\n";
    private const string OwnBye = "221 2.0.0 Bye\r\n";
    private const string Unavailable = "421 4.3.0 mail.example.com Error: mail server unavailable\r\n";

    private enum Fate
    {
        None,
        MtaCloses,
        MtaResets,
        ClientCloses,
        ClientResets,
    }

    protected override ShieldOptions Configure(ShieldOptions options) =>
        options with { Limits = options.Limits with { ErrorSleepTime = TimeSpan.Zero, SoftErrorLimit = 5000, HardErrorLimit = 10000, JunkCommandLimit = 10000, ClientConnectionCountLimit = 0 } };

    [Test, CancelAfter(60_000)]
    public async Task Session_MadeUpAtRandom_StaysInStepAndLeavesNothing(CancellationToken cancellationToken)
    {
        var first = Random.Shared.Next();
        await TestContext.Out.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"First seed: {first}"));
        var start = TimeProvider.System.GetTimestamp();
        for (var seed = first; TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(10); seed++)
            await RunAsync(seed, cancellationToken);
    }

    private async Task RunAsync(int seed, CancellationToken cancellationToken)
    {
        var random = new Random(seed);
        var steps = Plan(random);
        var fate = (Fate)Math.Max(0, random.Next(9) - 4);
        var until = random.Next(steps.Count);
        await using var client = await Shield.ConnectAsync(cancellationToken);
        var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync("220 mx\r\n", cancellationToken);

        var answering = AnswerAsync(new(seed + 1));
        var all = string.Concat(steps.Select(static step => step.Sent));
        var length = fate is Fate.ClientCloses or Fate.ClientResets ? random.Next(all.Length) : all.Length;
        foreach (var part in Cut(all[..length], random))
            await client.SendAsync(part, cancellationToken);

        string received;
        if (fate is Fate.ClientResets)
        {
            received = client.Unread();
            await client.VanishAsync(reset: true);
        }
        else
        {
            if (fate is Fate.ClientCloses || random.Next(2) == 0)
                client.EndSending();
            received = await client.ReadToEndAsync(cancellationToken);
        }

        var acknowledged = await answering;
        var told = "220 mx\r\n" + string.Concat(steps.Select(static step => step.Reply));

        // An MTA that closes on QUIT without a word: the shield says goodbye for it.
        if (fate is Fate.MtaCloses or Fate.MtaResets && received.EndsWith(OwnBye, StringComparison.Ordinal))
            told = told[..^MtasBye.Length] + OwnBye;
        var body = received.EndsWith(Unavailable, StringComparison.Ordinal) ? received[..^Unavailable.Length] : received;
        Assert.Multiple(() =>
        {
            Assert.That(told, Does.StartWith(body), $"seed {seed}: replies");
            Assert.That(string.Concat(steps.Select(static step => step.Received)), Does.StartWith(mta.Received), $"seed {seed}: commands");
            Assert.That(body.Split("queued").Length - 1, Is.LessThanOrEqualTo(acknowledged), $"seed {seed}: acknowledged");
            if (fate is Fate.None)
                Assert.That(received, Is.EqualTo(told), $"seed {seed}: all");
        });
        await Shield.Drain.WhenEmpty.WaitAsync(cancellationToken);
        Assert.That(Shield.CountedConnections, Is.Zero, $"seed {seed}");

        async Task<int> AnswerAsync(Random chance)
        {
            var acknowledged = 0;
            for (var i = 0; i < steps.Count; i++)
            {
                if (steps[i].Received.Length == 0)
                    continue;
                if (i >= until && fate is Fate.MtaCloses or Fate.MtaResets)
                {
                    mta.Close(fate is Fate.MtaResets);
                    break;
                }

                if (await mta.ReadThroughAsync(steps[i].Received, cancellationToken) is not { } read)
                    break;
                Assert.That(read, Is.EqualTo(steps[i].Received), $"seed {seed}: step {i}");
                if (steps[i].Reply.StartsWith("250 queued", StringComparison.Ordinal))
                    acknowledged++;
                foreach (var part in Cut(steps[i].Reply, chance))
                    await mta.SendAsync(part, cancellationToken);
            }

            if (fate is Fate.None)
                mta.EndSending();
            return acknowledged;
        }
    }

    // Each step: what the client sends, what of it the MTA must receive, and the reply, whose text is the step's own.
    private static List<(string Sent, string Received, string Reply)> Plan(Random random)
    {
        var steps = new List<(string Sent, string Received, string Reply)>();
        var count = random.Next(1, 25);
        steps.Add(("EHLO c\r\n", "EHLO c\r\n", "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n"));
        for (var i = 0; i < count; i++)
        {
            var line = string.Create(CultureInfo.InvariantCulture, $"RCPT TO:<{i}@x>\r\n");
            switch (random.Next(9))
            {
                case 0:
                    steps.Add(($"NOOP {i}\r\n", $"NOOP {i}\r\n", $"250 {i}\r\n"));
                    break;
                case 1:
                    steps.Add(($"XCLIENT {i}\r\n", "", "550 5.7.0 Error: insufficient authorization\r\n"));
                    break;
                case 2:
                    steps.Add((line.Replace("\r\n", "\n", StringComparison.Ordinal), line, $"250-{i}\r\n250-x\r\n250 {i}\r\n"));
                    break;
                case 3:
                    var content = new string('c', random.Next(3) * random.Next(30_000)) + "\r\n..\n.x" + i + "\r\n.\r\n";
                    steps.Add(("DATA\r\n", "DATA\r\n", $"354 {i}\r\n"));
                    steps.Add((content, content, random.Next(2) == 0 ? $"250 queued {i}\r\n" : $"550 no {i}\r\n"));
                    break;
                case 4:
                    var chunk = $"BDAT 12 LAST\r\nNOOP\r\n.\r\n{i:000}";
                    steps.Add((chunk, chunk, $"250 queued {i}\r\n"));
                    break;
                case 5:
                    steps.Add(($"BDAT 3\r\n\r\n.", "BDAT 3\r\n\r\n.", $"503 {i}\r\n"));
                    break;
                case 6:
                    steps.Add(("AUTH LOGIN\r\n", "AUTH LOGIN\r\n", $"334 {i}\r\n"));
                    steps.Add(("QUIT\r\n", "QUIT\r\n", $"535 {i}\r\n"));
                    break;
                case 7:
                    steps.Add(("RCPT TO:<\0>\r\n", "", "500 5.5.2 Error: bad syntax\r\n"));
                    break;
                default:
                    steps.Add((line, line, random.Next(2) == 0 ? $"250 {i}\r\n" : $"550 {i}\r\n"));
                    break;
            }
        }

        steps.Add(("QUIT\r\n", "QUIT\r\n", MtasBye));
        return steps;
    }

    private static IEnumerable<string> Cut(string octets, Random random)
    {
        var longest = random.Next(3) switch { 0 => 3, 1 => 40, _ => 20_000 };
        if (octets.Length > 2000)
            longest = Math.Max(longest, 4000);
        for (var at = 0; at < octets.Length;)
        {
            var length = Math.Min(random.Next(1, longest + 1), octets.Length - at);
            yield return octets.Substring(at, length);
            at += length;
        }
    }
}
