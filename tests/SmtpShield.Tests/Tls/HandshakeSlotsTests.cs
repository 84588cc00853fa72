using System.Net;
using SmtpShield.Clients;
using SmtpShield.Testing;
using SmtpShield.Tls;

namespace SmtpShield.Tests.Tls;

public class HandshakeSlotsTests
{
    private FakeTimeProvider _time = null!;
    private HandshakeSlots _slots = null!;

    [SetUp]
    public void Create()
    {
        _time = new();
        _slots = new(_time);
    }

    [Test]
    public void TryEnter_OneAddressManyTimes_HoldsAShareAndOthersGetIn()
    {
        var own = Enumerable.Range(0, 1000).Count(_ => Enter(1) is not null);
        var refusal = RefusalOf(1);
        var others = Enumerable.Range(2, 50).Count(number => Enter(number) is not null);

        Assert.That((own, refusal, others), Is.EqualTo((9, HandshakeRefusal.ShareTaken, 50)));
    }

    [Test]
    public void TryEnter_AllTaken_NotEvenAfterNextToASecond()
    {
        Fill();
        _time.Advance(TimeSpan.FromMilliseconds(999));

        Assert.That((Enter(200), RefusalOf(200)), Is.EqualTo(((HandshakeSlot?)null, HandshakeRefusal.LimitReached)));
    }

    [Test]
    public void TryEnter_AllTaken_AfterASecondTheOldestSilentOneGoes()
    {
        var slots = Fill();
        using var oldest = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        slots[0].TryBegin(oldest);
        slots[1].TryBegin(second);

        // What has begun is silent since then: the third is the oldest now.
        _time.Advance(TimeSpan.FromSeconds(1));
        using var cancelled = new CancellationTokenSource();
        var first = Enter(200);
        var hasLost = slots[2].TryBegin(cancelled);
        for (var number = 201; number < 298; number++)
            Enter(number);
        var before = oldest.IsCancellationRequested;
        var next = Enter(298);

        Assert.That((first is null, hasLost, before, next is null), Is.EqualTo((false, false, false, false)));
        Assert.That((oldest.IsCancellationRequested, second.IsCancellationRequested), Is.EqualTo((true, false)));
    }

    [Test]
    public void TryEnter_AllTakenAndNoneSilent_GivesNothingHoweverLongItTakes()
    {
        foreach (var slot in Fill())
            slot.NoteHello();
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.That((Enter(200), RefusalOf(200)), Is.EqualTo(((HandshakeSlot?)null, HandshakeRefusal.LimitReached)));
    }

    [Test]
    public void TryEnter_AllTaken_WhoHoldsAPlaceTakesNobodyElses()
    {
        Fill();
        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.That((Enter(1), RefusalOf(1)), Is.EqualTo(((HandshakeSlot?)null, HandshakeRefusal.LimitReached)));
    }

    [Test]
    public void TryEnter_LimitLowered_SilentOnesGoUntilItIsKept()
    {
        var slots = Fill();
        _time.Advance(TimeSpan.FromSeconds(1));
        using var kept = _slots.TryEnter(Range(200), static () => int.MaxValue, 20, out _);
        using var begin = new CancellationTokenSource();

        Assert.That(kept, Is.Not.Null);
        Assert.That(slots.Count(slot => slot.TryBegin(begin)), Is.EqualTo(19));
    }

    [Test]
    public void TryEnter_Exempt_HasNoShare()
    {
        var own = Enumerable.Range(0, 1000).Count(_ => _slots.TryEnter(Range(1), static () => null, 100, out var _) is not null);

        Assert.That(own, Is.EqualTo(100));
    }

    [Test]
    public void TryEnter_OwnMost_IsKeptWithinTheShare()
    {
        var own = Enumerable.Range(0, 10).Count(_ => _slots.TryEnter(Range(1), static () => 3, 100, out var _) is not null);

        Assert.That((own, _slots.HeldBy(Range(1))), Is.EqualTo((3, 3)));
    }

    [Test]
    public void Dispose_AgainOrBehindARevocation_GivesNothingBackTwice()
    {
        var slots = Fill();
        slots[5].Dispose();
        slots[5].Dispose();
        var refilled = Enter(200) is not null;
        _time.Advance(TimeSpan.FromSeconds(1));
        var revoked = Enter(201) is not null;
        slots[0].Dispose();
        slots[0].NoteHello();

        Assert.That((refilled, revoked, RefusalOf(202)), Is.EqualTo((true, true, HandshakeRefusal.None)));
        Assert.That(Enumerable.Range(203, 200).Count(number => Enter(number) is not null), Is.EqualTo(98), "those that were silent for a second");
    }

    [Test]
    public void TryEnter_TakenAndGivenBackByManyThreads_LosesNoPlace()
    {
        Parallel.For(0, 8, thread =>
        {
            for (var round = 0; round < 20_000; round++)
            {
                if (_slots.TryEnter(Range((thread * 31 + round) % 250), static () => int.MaxValue, 4, out var _) is not { } slot)
                {
                    _time.Advance(TimeSpan.FromMilliseconds(200));
                    continue;
                }

                using var revoked = new CancellationTokenSource();
                if (round % 3 > 0)
                    slot.TryBegin(revoked);
                if (round % 3 > 1)
                    slot.NoteHello();
                slot.Dispose();
            }
        });

        Assert.That(Enumerable.Range(0, 4).Select(number => _slots.TryEnter(Range(number), static () => int.MaxValue, 4, out var _)), Is.All.Not.Null);
        Assert.That(_slots.TryEnter(Range(9), static () => int.MaxValue, 4, out var _), Is.Null);
    }

    private static ClientRange Range(int number) => ClientRange.Of(IPAddress.Parse($"192.0.{number / 250}.{number % 250}"), 32, 128);

    // A hundred places, each taken by another address, beginning with 1.
    private HandshakeSlot[] Fill() => [.. Enumerable.Range(1, 100).Select(number => Enter(number)!)];

    private HandshakeSlot? Enter(int number) => _slots.TryEnter(Range(number), static () => int.MaxValue, 100, out _);

    private HandshakeRefusal RefusalOf(int number)
    {
        _slots.TryEnter(Range(number), static () => int.MaxValue, 100, out var refusal);
        return refusal;
    }
}
