using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

public class IdentifyClientTests
{
    private FakeLogger<IdentifyClient> _log = null!;

    [SetUp]
    public void Create() => _log = new();

    [Test]
    public async Task Invoke_Peer_IsTheClient()
    {
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1234) };
        string? seen = null;

        await StageOf().InvokeAsync(Arrived(connection, new(new())), next =>
        {
            seen = next.Client.NameAddress;
            foreach (var note in next.Notes)
                note(log => log);
            return Task.CompletedTask;
        });

        Assert.That(seen, Is.EqualTo("unknown[192.0.2.7]"));
    }

    [TestCase(false), TestCase(true)]
    [CancelAfter(10_000)]
    public async Task Invoke_PrefixLengthsAfterAReload_AreTheNewest(bool lookup)
    {
        var snapshot = new ShieldSnapshot(new());
        var stage = StageOf();
        ClientIdentity? client = null;
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("2001:db8::a"), 1234) };
        snapshot.Replace(new() { Smtpd = new() { PeernameLookup = lookup }, Anvil = new() { ClientIPv4PrefixLength = 24, ClientIPv6PrefixLength = 64 } });

        await stage.InvokeAsync(Arrived(connection, snapshot), next => Task.FromResult(client = next.Client));

        Assert.That(client?.Range, Is.EqualTo(ClientRange.Of(IPAddress.Parse("2001:db8::"), 24, 64)));
    }

    [Test]
    public async Task Invoke_PeerThatHasVanished_IsDropped()
    {
        await using var connection = new DefaultConnectionContext();

        Assert.That(
            async () =>
                await StageOf().InvokeAsync(Arrived(connection, new(new())), _ => throw new InvalidOperationException("A connection without a peer came in.")),
            Throws.Nothing);
    }

    [Test]
    public async Task Invoke_LookupIsOff_AsksNobody()
    {
        var resolver = new ScriptedNameResolver().With("192.0.2.7", "mx.example.com", "192.0.2.7");

        Assert.That(await NameAddressAsync(StageOf(resolver), new(new()), "192.0.2.7"), Is.EqualTo("unknown[192.0.2.7]"));
        Assert.That(resolver.Questions, Is.Empty);
    }

    [Test, CancelAfter(10_000)]
    public async Task Invoke_LookupIsSwitchedOn_NamesTheNextClient()
    {
        var snapshot = new ShieldSnapshot(new());
        var stage = StageOf(new ScriptedNameResolver().With("192.0.2.7", "mx.example.com", "192.0.2.7"));
        var before = await NameAddressAsync(stage, snapshot, "::ffff:192.0.2.7");
        snapshot.Replace(WithLookup);

        Assert.That((before, await NameAddressAsync(stage, snapshot, "::ffff:192.0.2.7")), Is.EqualTo(("unknown[192.0.2.7]", "mx.example.com[192.0.2.7]")));
        Assert.That(_log.Lines, Is.Empty);
    }

    [TestCase("127.0.0.1", "numeric hostname: 127.0.0.1")]
    [TestCase("a b", "malformed hostname: a?b")]
    [TestCase("other.example.com", "hostname other.example.com does not resolve to address 192.0.2.7")]
    [TestCase("gone.example.com", "hostname gone.example.com does not resolve to address 192.0.2.7: Name or service not known")]
    [CancelAfter(10_000)]
    public async Task Invoke_UnverifiedName_WarnsAtEachConnectionBeforeItGoesOn(string name, string warning)
    {
        var resolver = new ScriptedNameResolver().With("192.0.2.7", name).With("192.0.2.8", "other.example.com", "192.0.2.8");
        var stage = StageOf(resolver);
        for (var i = 1; i <= 2; i++)
        {
            var logged = 0;
            Assert.That(await NameAddressAsync(stage, new(WithLookup), "192.0.2.7", () => logged = _log.Lines.Count), Is.EqualTo("unknown[192.0.2.7]"));
            Assert.That((logged, _log.Lines[^1]), Is.EqualTo((i, $"Warning: {warning}")));
        }
    }

    // What an MTA is told of the client behind this.
    [TestCase("mx.example.com", false, "mx.example.com", "mx.example.com", false)]
    [TestCase("forged.example.com", false, "unknown", "forged.example.com", false)]
    [TestCase("forged.example.com", true, "unknown", "forged.example.com", true)]
    [TestCase("a\r\nb", false, "unknown", "unknown", false)]
    [TestCase("", true, "unknown", "unknown", true)]
    [CancelAfter(10_000)]
    public async Task Invoke_Name_IsKeptWithWhatIsNotVerified(string claimed, bool failsTemporarily, string name, string reverseName, bool isTemporary)
    {
        using var resolver = new ScriptedNameResolver { FailsTemporarily = failsTemporarily }
            .With("192.0.2.7", claimed, claimed == "mx.example.com" ? ["192.0.2.7"] : []);
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1234) };

        ClientIdentity client = null!;
        await StageOf(resolver).InvokeAsync(Arrived(connection, new(WithLookup)), next => Task.FromResult(client = next.Client));

        Assert.That((client.Name, client.ReverseName, client.IsNameTemporary), Is.EqualTo((name, reverseName, isTemporary)));
    }

    private static ShieldOptions WithLookup => new() { Smtpd = new() { PeernameLookup = true } };

    private IdentifyClient StageOf(ScriptedNameResolver? resolver = null) =>
        new(new PeerNames(resolver ?? new(), new FakeTimeProvider(), new FakeLogger<PeerNames>()), new Exemptions(new FakeTimeProvider()), _log);

    private static ArrivedConnection Arrived(ConnectionContext connection, ShieldSnapshot snapshot) =>
        new(connection, new(new("smtp", snapshot), isUnderStress: false), ProxyConnection.None);

    private static async Task<string?> NameAddressAsync(IdentifyClient stage, ShieldSnapshot snapshot, string address, Action? onNext = null)
    {
        await using var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 1234) };
        string? seen = null;
        await stage.InvokeAsync(Arrived(connection, snapshot), next =>
        {
            seen = next.Client.NameAddress;
            foreach (var note in next.Notes)
                note(log => log);
            onNext?.Invoke();
            return Task.CompletedTask;
        });
        return seen;
    }
}
