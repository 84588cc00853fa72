using SmtpShield.Testing.Hunter;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Hunter;

/// <summary>A client that does what its plan says, whatever comes.</summary>
internal static class ClientPlayer
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(15);
    private static readonly TimeSpan s_longestGreeting = TimeSpan.FromSeconds(10);

    /// <summary>Plays a plan to its end.</summary>
    public static async Task<ClientLog> PlayAsync(RawSmtpClient client, SessionPlan plan, CancellationToken cancellationToken)
    {
        var sent = "";
        var writeEnds = new List<int>();
        var isClosed = false;
        if (!plan.TalksFirst)
            await AwaitAsync(1);
        foreach (var step in plan.Steps)
        {
            await AwaitAsync(step.RepliesAwaited);
            if (step.Octets.Length == 0)
                continue;
            sent += step.Octets;
            writeEnds.Add(sent.Length);
            await client.SendAsync(step.Octets, cancellationToken);
        }

        if (plan.Leaving is Leaving.HalfClose)
        {
            if (!plan.LeavesAtOnce && !isClosed)
                await client.WaitForMoreAsync(s_patience, cancellationToken);
            client.EndSending();
            return new(sent, writeEnds, await client.ReadToEndAsync(cancellationToken), HasVanished: false);
        }

        if (!plan.LeavesAtOnce)
            await client.WaitForMoreAsync(s_patience, cancellationToken);

        // It goes no sooner than it was greeted or refused: else nobody could tell when the shield, which may not even have accepted it, is done with it.
        if (client.Unread().Length == 0)
            await client.WaitForMoreAsync(s_longestGreeting, cancellationToken);
        var received = client.Unread();
        await client.VanishAsync(plan.Leaving is Leaving.Reset);
        return new(sent, writeEnds, received, HasVanished: true);

        async Task AwaitAsync(int replies)
        {
            while (!isClosed && CountReplies(client.Unread()) < replies)
            {
                // The end of the connection shows as nothing new at once.
                var start = TimeProvider.System.GetTimestamp();
                if (await client.WaitForMoreAsync(s_patience, cancellationToken))
                    continue;
                isClosed = TimeProvider.System.GetElapsedTime(start) < s_patience / 2;
                return;
            }
        }
    }

    private static int CountReplies(string received)
    {
        var count = 0;
        for (var at = 0; received.IndexOf('\n', at) is >= 0 and var end; at = end + 1)
            count += end - at < 4 || received[at + 3] != '-' ? 1 : 0;
        return count;
    }
}
