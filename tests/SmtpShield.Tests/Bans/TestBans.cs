using System.Net;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Options;
using SmtpShield.Shadow;
using SmtpShield.Testing;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Shadow;

namespace SmtpShield.Tests.Bans;

/// <summary>Bans as the program makes them, before an MTA that is well unless it is said, with bans as long as they are written unless it is said.</summary>
internal sealed class TestBans : IDisposable
{
    private readonly FakeLogCollector _log = new();

    public TestBans(BanOptions? bans = null, FakeTimeProvider? time = null, Random? random = null)
    {
        Time = time ?? new();
        Snapshot = new(new ShieldOptions { Bans = bans ?? new BanOptions() });
        Anvil = TestAnvil.Table(Snapshot, Time);
        Exemptions = new(Time);
        Table = new(Snapshot, Time);
        Never = new(Snapshot, Exemptions, _ => Mtas, Time);
        Brakes = new(Anvil, _ => Trouble, Time);
        Automatic = new(Table, Brakes, Never, Anvil, Snapshot, Metrics, Time, new FakeLogger<AutomaticBans>(_log), random ?? new Even());
        Log = new(Table, new FakeLogger<BanLog>(_log));
        Shadow = new(
            Automatic, Table, _ => Trouble, Never, Anvil, Snapshot, _ => Book!, Time, new FakeLogger<ShadowBans>(_log), random ?? new Even());
        Book = TestShadow.Book(Snapshot, Anvil, Time, bans: Shadow);
    }

    public FakeTimeProvider Time { get; }

    public ShieldSnapshot Snapshot { get; }

    public AnvilTable Anvil { get; }

    public Exemptions Exemptions { get; }

    public BanTable Table { get; }

    public NeverBanned Never { get; }

    public BanBrakes Brakes { get; }

    public AutomaticBans Automatic { get; }

    public BanLog Log { get; }

    public ShadowBans Shadow { get; }

    /// <summary>What is written down of what is in shadow, whichever the service is.</summary>
    public ShadowBook Book { get; }

    public ShieldMetrics Metrics { get; } = new();

    public IPAddress[] Mtas { get; set; } = [];

    public string? Trouble { get; set; }

    public IEnumerable<string> Lines => _log.GetSnapshot().Select(static record => record.Message);

    public static ClientRange Range(string prefix)
    {
        var network = IPNetwork.Parse(prefix);
        return ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
    }

    public void TooManyErrors(string address, int times = 1, string service = "smtp")
    {
        for (var i = 0; i < times; i++)
        {
            using var counter = CounterOf(address, service);
            counter.NoteTooManyErrors(20, 20);
        }
    }

    public ClientCounter CounterOf(string address, string service = "smtp") =>
        new(Anvil, new(service, ClientRange.Of(IPAddress.Parse(address), 32, 64)), IPAddress.Parse(address));

    public void Configure(Func<BanOptions, BanOptions> change) => Snapshot.Replace(Snapshot.Current with { Bans = change(Snapshot.Current.Bans) });

    public Ban? Find(string address) => Table.Find(IPAddress.Parse(address));

    public bool Add(string prefix, int seconds = 600) =>
        Table.TryAdd(new(Range(prefix), Time.GetUtcNow(), Time.GetUtcNow().AddSeconds(seconds)) { Origin = BanOrigin.Manual, By = "uid 0" }, out _);

    /// <summary>Time passes, as the program sees it: second by second.</summary>
    public void Pass(int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
            Table.RemoveEnded();
            Automatic.Look();
            Shadow.Look();
        }
    }

    public void Dispose()
    {
        Shadow.Dispose();
        Automatic.Dispose();
        Exemptions.Dispose();
        Metrics.Dispose();
    }

    // Neither gives nor takes a tenth.
    private sealed class Even : Random
    {
        public override double NextDouble() => 0.5;
    }
}
