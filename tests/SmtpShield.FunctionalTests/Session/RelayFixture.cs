using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Session;

/// <summary>
/// A shield before one <see cref="ScriptedMta"/>, shared by the tests of a fixture. Each test plays both the client and the MTA; afterwards
/// nothing may be left of its sessions.
/// </summary>
[CancelAfter(20_000)]
internal abstract class RelayFixture
{
    private static readonly TimeSpan s_endOfConnections = TimeSpan.FromSeconds(5);

    private readonly List<RawSmtpClient> _clients = [];

    protected ScriptedMta Mta { get; private set; } = null!;

    protected ShieldUnderTest Shield { get; private set; } = null!;

    /// <summary>The clock of the fixture; null for the real one.</summary>
    protected FakeTimeProvider? Time { get; private set; }

    /// <summary>The shield's memory; null for that of this process.</summary>
    protected virtual ScriptedHeap? Heap => null;

    protected virtual bool HasFakeTime => false;

    protected virtual int? MtaReceiveBuffer => null;

    [SetUp]
    public async Task StartAsync()
    {
        Time = HasFakeTime ? new() : null;
        Mta = new(MtaReceiveBuffer);

        // Most of these tests send groups in sessions of a few commands: what is allowed in a group has tests of its own.
        var options = ShieldUnderTest.Before(Mta);
        Shield = await ShieldUnderTest.StartAsync(Configure(options with { Smtpd = options.Smtpd with { ForbidUnauthPipelining = false } }),
            CancellationToken.None, Time, heap: Heap);
    }

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var client in _clients)
            await client.DisposeAsync();
        _clients.Clear();
        await Mta.DisposeAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await Shield.Drain.WhenEmpty.WaitAsync(patience.Token);
            await Eventually.TryAsync(() => Shield.SessionsAtTheMta == 0, s_endOfConnections, patience.Token);
            Assert.Multiple(() =>
            {
                Assert.That(Shield.CountedConnections, Is.Zero, "connections still counted");
                Assert.That(Shield.Anvil.InFlight.Count, Is.Zero, "commands or logins still counted as with the MTA");
                Assert.That(Shield.SessionsAtTheMta, Is.Zero, "upstream sessions still counted");
                Assert.That(Shield.Log.Errors, Is.Empty);
                Assert.That(CheckedBuffers.OfShields.Problems, Is.Empty);
            });
        }
        catch (OperationCanceledException)
        {
            Assert.Fail("A session did not end although its client and its MTA have closed.");
        }
        finally
        {
            await Shield.DisposeAsync();
        }
    }

    protected virtual ShieldOptions Configure(ShieldOptions options) => options;

    /// <summary>Puts other options in force, for the sessions that begin from now on.</summary>
    protected void Reconfigure(Func<ShieldOptions, ShieldOptions> change) => Shield.Snapshot.Replace(change(Shield.Snapshot.Current));

    /// <summary>A client that is closed behind the test.</summary>
    protected RawSmtpClient Keep(RawSmtpClient client)
    {
        _clients.Add(client);
        return client;
    }

    /// <summary>A client and its MTA connection, the greeting read.</summary>
    protected async Task<(RawSmtpClient Client, MtaConnection Mta)> ConnectAsync(CancellationToken cancellationToken, bool read = true)
    {
        var client = Keep(await Shield.ConnectAsync(cancellationToken, read));
        var mta = await Mta.AcceptAsync(cancellationToken);
        await mta.SendAsync("220 mx ESMTP\r\n", cancellationToken);
        if (read)
            Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx ESMTP"));
        return (client, mta);
    }

    /// <summary>A session whose MTA has offered CHUNKING, so that BDAT is forwarded, and what the MTA has received so far.</summary>
    protected async Task<(RawSmtpClient Client, MtaConnection Mta, int Start)> BeginChunksAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 CHUNKING", cancellationToken);
        return (client, mta, mta.ReceivedLength);
    }

    /// <summary>A session that has just got 354, and what the MTA has received so far.</summary>
    protected async Task<(RawSmtpClient Client, MtaConnection Mta, int Start)> BeginDataAsync(CancellationToken cancellationToken)
    {
        var (client, mta) = await ConnectAsync(cancellationToken);
        await ExchangeAsync(client, mta, "EHLO c", "250-mx\r\n250 ENHANCEDSTATUSCODES", cancellationToken);
        await ExchangeAsync(client, mta, "MAIL FROM:<a@x>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "RCPT TO:<b@y>", "250 ok", cancellationToken);
        await ExchangeAsync(client, mta, "DATA", "354 go", cancellationToken);
        return (client, mta, mta.ReceivedLength);
    }

    /// <summary>One command, forwarded as it is, and its reply, relayed as it is.</summary>
    protected static async Task ExchangeAsync(RawSmtpClient client, MtaConnection mta, string command, string reply, CancellationToken cancellationToken)
    {
        await client.SendAsync(command + "\r\n", cancellationToken);
        Assert.That(await mta.ReadLineAsync(cancellationToken), Is.EqualTo(command));
        await mta.SendAsync(reply + "\r\n", cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo(reply.Replace("\r\n", "\n", StringComparison.Ordinal)));
    }

    /// <summary>The same octets whole, cut at every place, and one by one.</summary>
    protected static IEnumerable<string[]> Splits(string octets)
    {
        yield return [octets];
        for (var at = 1; at < octets.Length; at++)
            yield return [octets[..at], octets[at..]];
        yield return [.. octets.Select(static octet => octet.ToString())];
    }

    /// <summary>So many replies, with a bar between them.</summary>
    protected static async Task<string> RepliesAsync(RawSmtpClient client, int count, CancellationToken cancellationToken)
    {
        var replies = new List<string>();
        for (var i = 0; i < count; i++)
            replies.Add(await client.ReplyAsync(cancellationToken));
        return string.Join('|', replies);
    }

    protected static async Task SendAsync(RawSmtpClient client, string[] parts, CancellationToken cancellationToken)
    {
        foreach (var part in parts)
            await client.SendAsync(part, cancellationToken);
    }
}
