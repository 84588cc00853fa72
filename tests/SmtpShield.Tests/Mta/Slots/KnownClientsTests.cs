using System.Runtime.CompilerServices;
using SmtpShield.Mta.Slots;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Slots;

internal sealed class KnownClientsTests
{
    private FakeTimeProvider _time = null!;
    private KnownClients _known = null!;

    [SetUp]
    public void Create()
    {
        _time = new();
        _known = new(_time);
    }

    [Test]
    [Property("Pool", "FAIR-15")]
    public void StandingOf_SpammingRangeWithAnAcceptedMessage_IsNotGood()
    {
        var isNew = _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 20);

        Assert.That((isNew, _known.StandingOf(TestSlots.Range(1))), Is.EqualTo((false, ClientStanding.Unknown)));
    }

    [TestCase(3, ClientStanding.Good)]
    [TestCase(4, ClientStanding.Unknown)]
    public void StandingOf_RefusedCommands_MustNotBeMoreThanAccepted(int refused, ClientStanding standing)
    {
        _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 0);
        _known.NoteCommands(TestSlots.Range(1), accepted: 0, refused);

        Assert.That(_known.StandingOf(TestSlots.Range(1)), Is.EqualTo(standing));
    }

    [Test]
    public void NoteMessage_ThatMakesTheRangeGood_SaysSoOnce()
    {
        var first = _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 4);
        var second = _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 0);
        var third = _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 0);

        Assert.That((first, second, third), Is.EqualTo((false, true, false)));
    }

    [Test]
    public void NoteCommands_OfARangeWithoutAMessage_KeepsNothing()
    {
        _known.NoteCommands(TestSlots.Range(1), accepted: 100, refused: 0);

        Assert.That(_known.StandingOf(TestSlots.Range(1)), Is.EqualTo(ClientStanding.Unknown));
    }

    [TestCase(3599, ClientStanding.Good)]
    [TestCase(3600, ClientStanding.Unknown)]
    [Property("Pool", "SEAM-48")]
    public void StandingOf_AcceptedMessage_SpeaksForAnHour(int seconds, ClientStanding standing)
    {
        _time.Advance(TimeSpan.FromMinutes(5));
        _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 0);
        _time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.That(_known.StandingOf(TestSlots.Range(1)), Is.EqualTo(standing));
    }

    [TestCase(61, ClientStanding.Unknown)]
    [TestCase(121, ClientStanding.Good)]
    public void StandingOf_RefusedCommands_CountForAnHourAtLeastAndTwoAtMost(int minutes, ClientStanding standing)
    {
        _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 50);
        _time.Advance(TimeSpan.FromMinutes(minutes));
        _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 0);

        Assert.That(_known.StandingOf(TestSlots.Range(1)), Is.EqualTo(standing));
    }

    [TestCase(100_000, 99_000, ClientStanding.Good)]
    [TestCase(99_000, 100_000, ClientStanding.Unknown)]
    public void StandingOf_ManyCommands_KeepsWhichAreMore(int accepted, int refused, ClientStanding standing)
    {
        _known.NoteMessage(TestSlots.Range(1), 3, 0);
        for (var told = 0; told < 1000; told++)
            _known.NoteCommands(TestSlots.Range(1), accepted / 1000, refused / 1000);

        Assert.That(_known.StandingOf(TestSlots.Range(1)), Is.EqualTo(standing));
    }

    [TestCase(599, ClientStanding.Bad)]
    [TestCase(600, ClientStanding.Unknown)]
    public void StandingOf_RangeThatWasBad_IsSoForTenMinutes(int seconds, ClientStanding standing)
    {
        var isNew = _known.NoteBad(TestSlots.Range(1));
        _time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.That((isNew, _known.StandingOf(TestSlots.Range(1))), Is.EqualTo((true, standing)));
    }

    [Test]
    public void StandingOf_RangeThatIsGoodAndWasBad_IsGood()
    {
        _known.NoteMessage(TestSlots.Range(1), accepted: 3, refused: 0);

        Assert.That((_known.NoteBad(TestSlots.Range(1)), _known.StandingOf(TestSlots.Range(1))), Is.EqualTo((false, ClientStanding.Good)));
    }

    [Test]
    public void NoteMessage_OfMoreRangesThanThereIsRoom_ForgetsTheOldestFirst()
    {
        for (var client = 0; client < RecentRanges.LargestCapacity; client++)
            _known.NoteMessage(TestSlots.Range(client), accepted: 3, refused: 0);
        _known.NoteMessage(TestSlots.Range(0), accepted: 3, refused: 0);
        _known.NoteMessage(TestSlots.Range(RecentRanges.LargestCapacity), accepted: 3, refused: 0);

        Assert.That(
            ((int[])[0, 1, 2, RecentRanges.LargestCapacity]).Select(client => _known.StandingOf(TestSlots.Range(client))),
            Is.EqualTo(new[] { ClientStanding.Good, ClientStanding.Unknown, ClientStanding.Good, ClientStanding.Good }));
    }

    [Test]
    public void Entry_OfTheTable_HasTwentyFourOctets() => Assert.That(Unsafe.SizeOf<RecentRange>(), Is.EqualTo(24));

    [Test]
    public void RecentRanges_StepsAtRandom_AreThoseOfAList([Values(1, 2, 16, 256, 512)] int capacity)
    {
        var random = new Random(capacity);
        var ranges = new RecentRanges(capacity);
        var list = new List<int>();
        for (var step = 0; step < 20_000; step++)
        {
            var client = random.Next(2 * capacity + 2);
            if (random.Next(3) == 0)
            {
                if (!list.Remove(client) && list.Count == capacity)
                    list.RemoveAt(0);
                list.Add(client);
                ranges.At(ranges.Note(TestSlots.Range(client))).NotedAt = (uint)client;
            }

            var isKnown = ranges.TryFind(TestSlots.Range(client), out var index);
            Assert.That((isKnown, ranges.Count), Is.EqualTo((list.Contains(client), list.Count)), $"step {step}");
            if (isKnown)
                Assert.That(ranges.At(index).NotedAt, Is.EqualTo(client));
        }
    }
}
