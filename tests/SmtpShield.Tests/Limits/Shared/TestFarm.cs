using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Sharing;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>Shields that share what they count over one store, and one table that counts all of it alone, which they must equal. All in fake time.</summary>
internal sealed class TestFarm : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly List<TestShield> _shields = [];

    public TestFarm(int count, ShieldOptions? options = null)
    {
        Options = options ?? new ShieldOptions { Limits = new() { ClientConnectionRateLimit = 5 } };
        Memory = new(StoreTime = new(Time));
        ShieldTime = new(Time);
        Store = new(Memory);
        Alone = TestAnvil.Table(new ShieldSnapshot(Options), Time);
        for (var i = 0; i < count; i++)
            Start();
    }

    /// <summary>A farm with one store, which has one partition.</summary>
    public static StoreMap OneStore { get; } = new([new SharedStoreAddress([new IPEndPoint(IPAddress.Loopback, 6379)], HasTls: false)]);

    public FakeTimeProvider Time { get; } = new();

    /// <summary>The store's clock.</summary>
    public SteppedTime StoreTime { get; }

    /// <summary>The shields' clock.</summary>
    public SteppedTime ShieldTime { get; }

    public ShieldOptions Options { get; }

    public InMemorySharedStore Memory { get; }

    public UnreliableStore Store { get; }

    /// <summary>One anvil that sees every event.</summary>
    public AnvilTable Alone { get; }

    public IReadOnlyList<TestShield> Shields => _shields;

    public static AnvilKey KeyOf(string address, string service = "smtp") => new(service, ClientRange.Of(IPAddress.Parse(address), 32, 64));

    public TestShield Start()
    {
        var shield = new TestShield(Options, ShieldTime);
        _shields.Add(shield);
        return shield;
    }

    /// <summary>It is killed: nothing more comes from it.</summary>
    public void Kill(TestShield shield) => _shields.Remove(shield);

    /// <summary>Time passes, in which all shields make their exchanges.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        for (var left = time; left > TimeSpan.Zero; left -= s_interval)
        {
            Time.Advance(left < s_interval ? left : s_interval);
            foreach (var shield in _shields)
                await shield.ExchangeAsync(Store);
        }
    }

    /// <summary>The same for as long as all hear of what all have done.</summary>
    public Task SettleAsync() => PassAsync(3 * s_interval);

    public ValueTask DisposeAsync() => Memory.DisposeAsync();
}
