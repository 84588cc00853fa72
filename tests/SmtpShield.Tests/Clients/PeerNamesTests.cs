using System.Net;
using SmtpShield.Clients;
using SmtpShield.Testing;
using SmtpShield.Tests.Listening;

namespace SmtpShield.Tests.Clients;

[CancelAfter(20_000)]
public class PeerNamesTests
{
    private static readonly IPAddress _address = IPAddress.Parse("192.0.2.7");
    private static readonly PeerName _name = new("mx.example.com");

    private FakeTimeProvider _time = null!;
    private ScriptedNameResolver _resolver = null!;
    private ListLogger<PeerNames> _log = null!;
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
    public async Task LookUp_Name_IsAskedForOnThreadsOutsideThePool(CancellationToken cancellationToken)
    {
        Assert.That(await _names.LookUpAsync(_address, cancellationToken), Is.EqualTo(_name));
        Assert.That((string.Join(' ', _resolver.Questions), _resolver.OnPoolThreads, _time.ActiveTimers), Is.EqualTo(("192.0.2.7 mx.example.com", 0, 0)));
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

        Assert.That((await lookup, _time.ActiveTimers), Is.EqualTo((PeerName.Unanswered, 0)));
    }

    [Test]
    public void LookUp_ResolverIsSilentPastTheDeadline_IsNotWaitedForAgain(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        _ = _names.LookUpAsync(_address, cancellationToken).AsTask();
        _time.Advance(PeerLookup.Deadline - TimeSpan.FromTicks(1));
        var waits = _names.LookUpAsync(_address, cancellationToken);
        _time.Advance(TimeSpan.FromTicks(1));
        var goesOn = _names.LookUpAsync(_address, cancellationToken);

        Assert.That((waits.IsCompleted, goesOn.IsCompletedSuccessfully), Is.EqualTo((false, true)));
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
        var lookups = Enumerable.Range(1, PeerNames.MaxOutstanding).Select(i => _names.LookUpAsync(new IPAddress([10, 0, 0, (byte)i]), cancellationToken).AsTask()).ToArray();
        var refused = _names.LookUpAsync(_address, cancellationToken);
        Assert.That(refused.IsCompletedSuccessfully, Is.True);
        _resolver.Answer();
        await Task.WhenAll(lookups);

        Assert.That((await refused, await _names.LookUpAsync(_address, cancellationToken)), Is.EqualTo((PeerName.Unanswered, _name)));
        Assert.That(_resolver.Questions, Has.Count.EqualTo(PeerNames.MaxOutstanding + 2));
    }

    [Test]
    public void LookUp_ResolverNeverAnswersAnyOfManyClients_HoldsNoMoreThanItsThreads(CancellationToken cancellationToken)
    {
        _resolver.Silence();
        for (var i = 0; i < 100_000; i++)
        {
            _ = _names.LookUpAsync(new IPAddress(i), cancellationToken).AsTask();
            if (i % 1000 == 0)
                _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.That(_resolver.Asking, Is.LessThanOrEqualTo(LookupThreads.MaxCount));
        // 100 s have passed: one line at the start, one a minute later.
        Assert.That(_log.Lines, Is.EqualTo(Enumerable.Repeat("Warning: 100 look-ups of client names are outstanding: further clients are \"unknown\"", 2)));
    }

    [Test]
    public async Task LookUp_ResolverFails_IsUnknownAndToldAsABug(CancellationToken cancellationToken)
    {
        _resolver.Asked = static () => throw new InvalidOperationException("broken");

        Assert.That(await _names.LookUpAsync(_address, cancellationToken), Is.EqualTo(PeerName.Unanswered));
        Assert.That(_log.Lines, Is.EqualTo(new[] { "Error: look-up of the name of 192.0.2.7 failed" }));
    }
}
