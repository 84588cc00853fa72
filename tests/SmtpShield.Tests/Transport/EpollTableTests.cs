using SmtpShield.Transport.Epoll;

namespace SmtpShield.Tests.Transport;

public class EpollTableTests
{
    private EpollTable _table = null!;

    [SetUp]
    public void Make() => _table = new();

    [Test]
    public void Find_Added_IsItsHandler()
    {
        var (one, other) = (new Handler(), new Handler());
        var (first, second) = (_table.Add(one), _table.Add(other));

        Assert.That((_table.Find(first), _table.Find(second)), Is.EqualTo((one, other)));
    }

    [Test]
    public void Find_RemovedAndItsPlaceGivenToAnother_IsNobody()
    {
        var old = _table.Add(new Handler());
        _table.Remove(old);
        var next = new Handler();
        var number = _table.Add(next);

        Assert.That((old == number, (uint)old == (uint)number, _table.Find(old), _table.Find(number)), Is.EqualTo((false, true, (Handler?)null, next)));
    }

    [Test]
    public void Remove_ASecondTime_LeavesTheNextOneAlone()
    {
        var old = _table.Add(new Handler());
        _table.Remove(old);
        _table.Remove(old);
        var (next, another) = (new Handler(), new Handler());
        var (number, other) = (_table.Add(next), _table.Add(another));
        _table.Remove(old);

        Assert.That((_table.Find(number), _table.Find(other), _table.Count), Is.EqualTo((next, another, 2)));
    }

    [Test]
    public void Find_OfNoNumberThereIs_IsNobody([Values(0ul, 1ul, 1ul << 32, ulong.MaxValue)] ulong number)
    {
        Assert.That(_table.Find(number), Is.Null);
        Assert.That(() => _table.Remove(number), Throws.Nothing);
    }

    [Test]
    public void Add_ManyAndManyTimes_FindsEach()
    {
        var random = new Random(1);
        Dictionary<ulong, Handler> added = [];
        HashSet<ulong> removed = [];
        for (var round = 0; round < 5000; round++)
        {
            if (added.Count > 0 && random.Next(5) < 2)
            {
                var number = added.Keys.ElementAt(random.Next(added.Count));
                added.Remove(number);
                removed.Add(number);
                _table.Remove(number);
            }
            else
            {
                var handler = new Handler();
                added.Add(_table.Add(handler), handler);
            }
        }

        Assert.That(added.All(pair => _table.Find(pair.Key) == pair.Value));
        Assert.That(removed.Select(_table.Find), Is.All.Null);
        Assert.That((_table.Count, _table.ToList().Count), Is.EqualTo((added.Count, added.Count)));
    }

    private sealed class Handler : IEpollHandler
    {
        public void OnEvents(uint events)
        {
        }

        public void OnStop()
        {
        }
    }
}
