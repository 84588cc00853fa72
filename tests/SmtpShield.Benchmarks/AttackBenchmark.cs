using System.Net.Sockets;
using SmtpShield.Testing.Attacks;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks;

/// <summary>One attack on one server: a known client that sends in quiet, then each 100 ms from the first moment of the attack on.</summary>
internal static class AttackBenchmark
{
    private const int QuietMails = 40;

    // As many as Postfix's own client has to one destination (default_destination_concurrency_limit): one that is kept waiting does not pile up without end.
    private const int ConnectionsAtOnce = 20;

    // From each address of the client where a rate limit of 5 holds; one more is sent in quiet.
    private const int MailsPerAddress = 2;

    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(2);

    /// <summary>All attacks, and before them none.</summary>
    public static IReadOnlyList<Attack> Attacks { get; } = [new("idle", "no attack", []), .. AttackCatalogue.All];

    /// <summary>Runs it.</summary>
    /// <param name="attack">The attack.</param>
    /// <param name="serverName">What is attacked: a name of <see cref="ServerUnderAttack"/>.</param>
    /// <param name="seconds">For how long the client offers mails.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<AttackFigures> RunAsync(Attack attack, string serverName, int seconds, CancellationToken cancellationToken)
    {
        await using var server = await ServerUnderAttack.StartAsync(serverName, attack, cancellationToken);
        var offered = (int)(TimeSpan.FromSeconds(seconds) / s_interval);
        var addresses = attack.ConnectionRateLimit is null ? 1 : Math.Max(QuietMails, offered / MailsPerAddress);
        var client = new KnownClient(server.EndPoint, addresses);
        for (var mail = 0; mail < Math.Max(QuietMails, addresses); mail++)
        {
            if (await client.SendAsync(cancellationToken) is { } refusal)
                throw new InvalidOperationException($"{serverName} does not take mail in quiet: {refusal}");
        }

        await using var attacker = attack.Parts.Count == 0 ? null : await Attacker.StartAsync(attack, server.Attacked, cancellationToken);
        using var sampler = SessionSampler.Start(server.Mta);
        var (logged, loggedByMta) = (server.Logged, server.LoggedByMta);
        var begin = TimeProvider.System.GetTimestamp();
        if (attacker is not null)
            await attacker.BeginAsync(cancellationToken);
        var mails = await OfferAsync(client, offered, begin, cancellationToken);
        var elapsed = TimeProvider.System.GetElapsedTime(begin).TotalSeconds;
        (logged, loggedByMta) = (server.Logged - logged, server.LoggedByMta - loggedByMta);
        var (most, samples) = (sampler.Most, sampler.Samples);

        var times = mails.Where(mail => mail.IsDelivered).Select(mail => mail.Time.TotalMilliseconds).Order().ToList();
        return new()
        {
            Attack = attack.Name,
            Server = serverName,
            Offered = offered,
            Delivered = times.Count,
            Refusals = mails.Where(mail => mail.Refusal is not null).CountBy(mail => mail.Refusal!).ToDictionary(),
            MedianMilliseconds = Percentile(50),
            P99Milliseconds = Percentile(99),
            MostSessions = most,
            Samples = samples,
            LogOctetsPerSecond = logged / elapsed,
            MtaLogOctetsPerSecond = loggedByMta / elapsed,
            Attackers = attacker is null ? null : await attacker.EndAsync(cancellationToken),
        };

        // Of all mails offered: one that was not delivered took longer than any that was.
        double? Percentile(int percent)
        {
            var rank = (offered * percent + 99) / 100;
            return rank <= times.Count ? times[rank - 1] : null;
        }
    }

    // Each mail is due at its time, whatever became of those before: a client that waits for its server would leave out the slow ones.
    private static async Task<IReadOnlyList<Mail>> OfferAsync(KnownClient client, int offered, long begin, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        over.CancelAfter(offered * s_interval + s_grace);
        using var connections = new SemaphoreSlim(ConnectionsAtOnce);
        var mails = Enumerable.Range(0, offered).Select(number => SendAsync(client, number * s_interval, begin, connections, over.Token));
        var sent = await Task.WhenAll(mails);
        cancellationToken.ThrowIfCancellationRequested();
        return sent;
    }

    private static async Task<Mail> SendAsync(KnownClient client, TimeSpan due, long begin, SemaphoreSlim connections, CancellationToken cancellationToken)
    {
        try
        {
            var wait = due - TimeProvider.System.GetElapsedTime(begin);
            if (wait > TimeSpan.Zero)
                await Task.Delay(wait, TimeProvider.System, cancellationToken);
            await connections.WaitAsync(cancellationToken);
            try
            {
                var refusal = await client.SendAsync(cancellationToken);
                return new(refusal is null, refusal, TimeProvider.System.GetElapsedTime(begin) - due);
            }
            finally
            {
                connections.Release();
            }
        }
        catch (OperationCanceledException)
        {
            return new(IsDelivered: false, Refusal: null, TimeSpan.Zero);
        }
        catch (SocketException failed)
        {
            return new(IsDelivered: false, failed.Message, TimeSpan.Zero);
        }
    }

    private readonly record struct Mail(bool IsDelivered, string? Refusal, TimeSpan Time);
}
