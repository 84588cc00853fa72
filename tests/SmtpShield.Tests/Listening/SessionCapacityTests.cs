using System.Net;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Listening;

public class SessionCapacityTests
{
    private static readonly long _plenty = 1L << 40;

    private readonly FakeLogger<SessionCapacity> _logger = new();

    [SetUp]
    public void Clear() => _logger.Collector.Clear();

    // 190 are open in a shield that has just started; with a reserve of 256 the rest is for connections, two each, and an eighth of those may be closing.
    [TestCase(65_536, 32_544, 2000)]
    [TestCase(20_000, 9776, 1222)]
    [TestCase(1024, 288, 36)]
    [TestCase(703, 128, 16)]
    [TestCase(256, 16, 2)]
    [TestCase(225, 0, 0)]
    [TestCase(100, 0, 0)]
    [TestCase(int.MaxValue, 1_073_741_599, 2000)]
    public void Bound_OfDescriptors_LeavesAReserveFree(int descriptors, int connections, int closing)
    {
        var bound = SessionBound.Of(new(descriptors, 190, long.MaxValue), new(), endpoints: 2);

        Assert.That((bound.Connections, bound.Closing), Is.EqualTo((connections, closing)));
    }

    [TestCase(1024)]
    [TestCase(20_000)]
    public void Bound_WithWhatItSaysIsNeeded_HoldsAsManySessions(int sessions)
    {
        var descriptors = Number(SessionBound.Of(new(1024, 190, _plenty), new(), endpoints: 2).Needed(sessions));
        Assert.That(SessionBound.Of(new(descriptors, 190, _plenty), new(), endpoints: 2).Sessions, Is.EqualTo(sessions).Within(1));

        var mebibytes = Number(SessionBound.Of(new(int.MaxValue, 190, 100 << 20), new(), endpoints: 2).Needed(sessions));
        Assert.That(SessionBound.Of(new(int.MaxValue, 190, (long)mebibytes << 20), new(), endpoints: 2).Sessions, Is.GreaterThanOrEqualTo(sessions - 1));
    }

    [Test]
    public void LimitOf_LimitsThatFitTogether_IsTheConfiguredOne()
    {
        using var capacity = Create(Options(("smtp", 200), ("submission", 52)), 1024);

        Assert.That((capacity.LimitOf("smtp"), capacity.LimitOf("submission")), Is.EqualTo((200, 52)));
        Assert.That(_logger.Lines, Is.Empty);
    }

    [Test]
    public void LimitOf_LimitsThatDoNotFitTogether_AreSharesOfWhatFits()
    {
        using var capacity = Create(Options(("smtp", 10_000), ("submission", 5000)), 1024);

        Assert.That((capacity.Bound.Sessions, capacity.LimitOf("smtp"), capacity.LimitOf("submission")), Is.EqualTo((252, 168, 84)));
        Assert.That(_logger.Lines, Is.EqualTo(new[]
        {
            "Warning: service smtp: default_process_limit = 10000 is lowered to 168: 1024 file descriptors (ulimit -n, systemd LimitNOFILE=) "
                + "are enough for 252 sessions of all services together; raise the limit to 34448 descriptors, or lower default_process_limit",
            "Warning: service submission: default_process_limit = 5000 is lowered to 84: 1024 file descriptors (ulimit -n, systemd LimitNOFILE=) "
                + "are enough for 252 sessions of all services together; raise the limit to 34448 descriptors, or lower default_process_limit",
        }));
    }

    [Test]
    public void LimitOf_LittleMemory_IsWhatFitsIntoIt()
    {
        using var capacity = Create(Options(("smtp", 10_000)), int.MaxValue, memory: 256 << 20);

        Assert.That(capacity.LimitOf("smtp"), Is.EqualTo(capacity.Bound.Sessions).And.LessThan(10_000));
        Assert.That(_logger.Lines.Single(), Does.Match(@"default_process_limit = 10000 is lowered to \d+: 256 MiB of memory \(DOTNET_GCHeapHardLimit, "
            + @"or 75 % of a container's limit and of systemd MemoryMax=\) are enough for"));
    }

    [Test]
    public void LimitOf_AReload_IsSharedAnew()
    {
        var snapshot = new ShieldSnapshot(Options(("smtp", 100), ("submission", 100)));
        using var capacity = new SessionCapacity(snapshot, new(1024, 190, _plenty), _logger);

        snapshot.Replace(Options(("smtp", 900), ("submission", 100)));

        Assert.That(_logger.Lines, Has.Count.EqualTo(2), "said by the reload, not when the next client comes");
        Assert.That((capacity.LimitOf("smtp"), capacity.LimitOf("submission")), Is.EqualTo((226, 25)));
    }

    [Test]
    public void LimitOf_AServiceNoLongerConfigured_HasItsShareUntilTheRestart()
    {
        var snapshot = new ShieldSnapshot(Options(("smtp", 100), ("submission", 100)));
        using var capacity = new SessionCapacity(snapshot, new(1024, 190, _plenty), _logger);
        var services = snapshot.Current.Services;

        snapshot.Replace(Options(("smtp", 10_000)) with { Services = services });

        Assert.That(capacity.LimitOf("submission"), Is.GreaterThan(1));
        Assert.That(capacity.LimitOf("smtp") + capacity.LimitOf("submission"), Is.LessThanOrEqualTo(capacity.Bound.Sessions));
    }

    [TestCase(224)]
    [TestCase(100)]
    public void Create_NotOneSessionFits_NamesTheLimitAndTheRemedy(int descriptors) => Assert.That(
        () => Create(Options(("smtp", 10)), descriptors),
        Throws.TypeOf<SessionCapacityException>().With.Message.EqualTo(
            $"{descriptors} file descriptors (ulimit -n, systemd LimitNOFILE=) are too few for 1 sessions, one for each service; raise the limit: "
                + "451 descriptors or more"));

    private static int Number(string text) => int.Parse(text.Split(' ')[0], null);

    private SessionCapacity Create(ShieldOptions options, int descriptors, long memory = long.MaxValue) =>
        new(new ShieldSnapshot(options), new(descriptors, 190, memory), _logger);

    private static ShieldOptions Options(params (string Name, int Limit)[] services) => new()
    {
        Service = new() { Names = [.. services.Select(service => service.Name)] },
        Services = services.ToDictionary(
            service => service.Name,
            service => new ShieldOptions { Listener = new() { DefaultProcessLimit = service.Limit, Endpoints = [new IPEndPoint(IPAddress.Any, 25)] } }),
    };
}
