using System.Net;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

[CancelAfter(20_000)]
public class PeerNamesTests
{
    private static readonly IPAddress _address = IPAddress.Parse("192.0.2.7");
    private static readonly PeerName _name = new("mx.example.com");

    private FakeTimeProvider _time = null!;
    private ScriptedNameResolver _resolver = null!;
    private FakeLogger<PeerNames> _log = null!;
    private PeerNames _names = null!;

    [SetUp]
    public void Create()
    {
        _time = new();
        _resolver = new ScriptedNameResolver().With("192.0.2.7", "mx.example.com", "192.0.2.7");
        _log = new();
        _names = new(_resolver, _time, _log);
    }

    [TearDown]
    public void Release() => _resolver.Dispose();

    [Test]
    public async Task LookUp_Name_IsAskedForAndConfirmed(CancellationToken cancellationToken)
    {
        Assert.That(await _names.LookUpAsync(_address, cancellationToken), Is.EqualTo(_name));
        Assert.That((string.Join(' ', _resolver.Questions), _time.ActiveTimers), Is.EqualTo(("192.0.2.7 mx.example.com", 0)));
    }

    [Test]
    public async Task LookUp_ResolverIsSilent_IsUnknownAfterTheWaitAndKnownTheNextTime(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        var first = _names.LookUpAsync(_address, cancellationToken).AsTask();
        _time.Advance(PeerNames.Patience - TimeSpan.FromTicks(1));
        var early = first.IsCompleted;
        _time.Advance(TimeSpan.FromTicks(1));
        var unknown = await first;
        var second = _names.LookUpAsync(_address, cancellationToken);
        _resolver.Answer();

        Assert.That((early, unknown, await second, _resolver.Questions.Count), Is.EqualTo((false, PeerName.Unanswered, _name, 2)));
    }

    [Test]
    public async Task LookUp_ClientLeavesMeanwhile_EndsTheWait()
    {
        _resolver.Silence();
        using var left = new CancellationTokenSource();
        var lookup = _names.LookUpAsync(_address, left.Token);
        await left.CancelAsync();

        // The look-up goes on, within its own deadline: that is the timer left.
        Assert.That((await lookup, _time.ActiveTimers), Is.EqualTo((PeerName.Unanswered, 1)));
    }

    [Test]
    public void LookUp_ResolverIsSilentPastTheDeadline_IsNotWaitedForAgain(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        _ = _names.LookUpAsync(_address, cancellationToken).AsTask();
        _time.Advance(PeerLookup.Deadline - TimeSpan.FromTicks(1));
        var before = _names.LookUpAsync(_address, cancellationToken).AsTask().IsCompleted;
        _time.Advance(TimeSpan.FromTicks(1));
        var goesOn = _names.LookUpAsync(_address, cancellationToken);

        Assert.That((before, goesOn.IsCompletedSuccessfully), Is.EqualTo((false, true)));
    }

    [Test]
    public async Task LookUp_ConnectionsOfOneClient_ShareALookUp(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        var lookups = Enumerable.Range(0, 1000).Select(_ => _names.LookUpAsync(_address, cancellationToken).AsTask()).ToArray();
        _resolver.Answer();

        Assert.That(await Task.WhenAll(lookups), Is.All.EqualTo(_name));
        Assert.That(_resolver.Questions, Has.Count.EqualTo(2));
    }

    [TestCase("192.0.2.7", 299, 2)]
    [TestCase("192.0.2.7", 300, 4)]
    [TestCase("192.0.2.8", 59, 1)]
    [TestCase("192.0.2.8", 60, 2)]
    public async Task LookUp_Again_AsksAgainOnlyAfterAWhile(string address, int seconds, int questions, CancellationToken cancellationToken)
    {
        var first = await _names.LookUpAsync(IPAddress.Parse(address), cancellationToken);
        _time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.That((await _names.LookUpAsync(IPAddress.Parse(address), cancellationToken), _resolver.Questions.Count), Is.EqualTo((first, questions)));
    }

    [Test]
    public async Task LookUp_HundredOutstanding_StartsNoOtherUntilTheyEnd(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        var lookups = Enumerable.Range(1, PeerNames.MaxOutstanding)
            .Select(i => _names.LookUpAsync(new IPAddress([10, 0, (byte)i, 0]), cancellationToken).AsTask()).ToArray();
        var refused = _names.LookUpAsync(_address, cancellationToken);
        Assert.That(refused.IsCompletedSuccessfully, Is.True);
        _resolver.Answer();
        await Task.WhenAll(lookups);

        Assert.That((await refused, await _names.LookUpAsync(_address, cancellationToken)), Is.EqualTo((PeerName.Unanswered, _name)));
        Assert.That(_resolver.Questions, Has.Count.EqualTo(PeerNames.MaxOutstanding + 2));
    }

    [Test]
    public void LookUp_ResolverNeverAnswersAnyOfManyClients_HoldsNoMoreThanItsPlaces(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        for (var i = 0; i < 100_000; i++)
        {
            _ = _names.LookUpAsync(new IPAddress(i), cancellationToken).AsTask();
            if (i % 1000 == 0)
                _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(_resolver.Asking, Is.LessThanOrEqualTo(PeerNames.MaxOutstanding));
        // 100 s have passed: one line at the start, one a minute later.
        Assert.That(_log.Lines, Is.EqualTo(Enumerable.Repeat("Warning: 100 look-ups of client names are outstanding: further clients are \"unknown\"", 2)));
    }

    // A name server that never answers, asked about addresses of its own: forty times as fast as was enough to take all names away.
    [TestCase("10.0.0.{0}", TestName = "One network that never answers")]
    [TestCase("10.{1}.{0}.1", TestName = "Many networks that never answer")]
    [TestCase("2001:db8:0:{1:x}::{0:x}", TestName = "An IPv6 network that never answers")]
    public async Task LookUp_BesideAddressesNobodyAnswersFor_HasItsName(string silent, CancellationToken cancellationToken)
    {
        using var resolver = new ScriptedNameResolver { IsUnanswered = static question =>
            !question.StartsWith("192.0.2.", StringComparison.Ordinal) && question != "mx.example.com" };
        for (var i = 0; i < 250; i++)
            resolver.With($"192.0.2.{i}", "mx.example.com", [.. Enumerable.Range(0, 250).Select(static i => $"192.0.2.{i}")]);
        var names = new PeerNames(resolver, _time, _log);
        for (var i = 0; i < 2500; i++)
        {
            _ = names.LookUpAsync(IPAddress.Parse(string.Format(null, silent, i % 250, i / 250)), cancellationToken).AsTask();
            _time.Advance(TimeSpan.FromMilliseconds(10));
            if (i % 10 == 0)
                Assert.That(await names.LookUpAsync(IPAddress.Parse($"192.0.2.{i / 10}"), cancellationToken), Is.EqualTo(_name), $"client {i / 10}");
        }
    }

    [Test]
    public async Task LookUp_MoreOfANetworkThanItsShare_MakeRoomOnceNobodyWaits(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        var first = Enumerable.Range(1, PeerNames.MaxOfNetwork)
            .Select(i => _names.LookUpAsync(new IPAddress([10, 0, 0, (byte)i]), cancellationToken).AsTask()).ToArray();
        Assert.That(_names.LookUpAsync(IPAddress.Parse("10.0.0.100"), cancellationToken).AsTask().IsCompletedSuccessfully, Is.True, "one too many");
        var neighbour = _names.LookUpAsync(IPAddress.Parse("10.0.1.1"), cancellationToken).AsTask();
        Assert.That(neighbour.IsCompleted, Is.False);
        _time.Advance(PeerNames.Patience);
        Assert.That(_names.LookUpAsync(IPAddress.Parse("10.0.0.101"), cancellationToken).AsTask().IsCompleted, Is.False, "in place of the first");

        Assert.That(await Task.WhenAll(first), Is.All.EqualTo(PeerName.Unanswered));
        Assert.That(_resolver.Asking, Is.EqualTo(PeerNames.MaxOfNetwork + 1));
        Assert.That(_log.Lines,
            Is.EqualTo(new[] { "Warning: 10 look-ups of client names in 10.0.0.0/24 are outstanding: further clients of it are \"unknown\"" }));
    }

    [Test]
    public async Task LookUp_ResolverFails_IsUnknownAndToldAsABug(CancellationToken cancellationToken)
    {
        _resolver.Asked = static () => throw new InvalidOperationException("broken");

        Assert.That(await _names.LookUpAsync(_address, cancellationToken), Is.EqualTo(PeerName.Unanswered));
        Assert.That(_log.Lines, Is.EqualTo(new[] { "Error: look-up of the name of 192.0.2.7 failed" }));
    }
}
