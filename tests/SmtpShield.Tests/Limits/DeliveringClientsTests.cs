using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Testing;
using SmtpShield.Tests.State;

namespace SmtpShield.Tests.Limits;

internal sealed class DeliveringClientsTests
{
    private readonly FakeTimeProvider _time = new();

    [Test]
    public void Note_OfARange_CountsAndDates()
    {
        var clients = new DeliveringClients(_time);
        clients.Note(Range("192.0.2.1"));
        _time.Advance(TimeSpan.FromSeconds(90));
        clients.Note(Range("192.0.2.1"));
        clients.Note(Range("2001:db8::1"));
        Assert.That(clients.Find(Range("192.0.2.1")), Is.EqualTo(new DeliveredMail(2, _time.GetUtcNow())));
        Assert.That((clients.Find(Range("192.0.2.2")), clients.Count), Is.EqualTo(((DeliveredMail?)null, 2)));
    }

    // IPv4 addresses are kept apart from networks and IPv6.
    [Test]
    public void All_OfRangesOfEachKind_HasEachOnceWithItsMail()
    {
        var clients = new DeliveringClients(_time);
        ClientRange[] ranges =
        [
            Range("192.0.2.0"), ClientRange.Of(IPAddress.Parse("192.0.2.0"), 24, 64), ClientRange.Of(IPAddress.Parse("192.0.2.0"), 31, 64),
            Range("2001:db8::1"), ClientRange.Of(IPAddress.Parse("::c000:200"), 32, 128), ClientRange.Of(IPAddress.Parse("2001:db8::1"), 32, 64),
        ];
        for (var i = 0; i < ranges.Length; i++)
        {
            for (var mail = 0; mail <= i; mail++)
                clients.Note(ranges[i]);
        }

        _time.Advance(TimeSpan.FromSeconds(5));
        clients.Note(ranges[0]);
        clients.Note(ranges[3]);
        Assert.That(clients.All().ToDictionary(static one => one.Key, static one => one.Value.Messages), Is.EquivalentTo(
            new Dictionary<ClientRange, uint> { [ranges[0]] = 2, [ranges[1]] = 2, [ranges[2]] = 3, [ranges[3]] = 5, [ranges[4]] = 5, [ranges[5]] = 6 }));
        Assert.That((clients.Count, clients.CountSince(_time.GetUtcNow())), Is.EqualTo((6, 2)));
        Assert.That(ranges.Select(range => clients.Find(range)?.Messages), Is.EqualTo((uint?[])[2, 2, 3, 5, 5, 6]));
    }

    [Test]
    public void HasDelivered_Within_IsUpToTheLastSecond()
    {
        var clients = new DeliveringClients(_time);
        clients.Note(Range("192.0.2.1"));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.That(clients.HasDelivered(Range("192.0.2.1"), TimeSpan.FromHours(1)), Is.True);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(clients.HasDelivered(Range("192.0.2.1"), TimeSpan.FromHours(1)), Is.False);
    }

    [Test]
    public void Note_OfMoreThanThereMayBe_KeepsThoseNotedLast()
    {
        var clients = new DeliveringClients(_time);
        var regular = Range("198.51.100.1");
        for (var i = 0; i < 2 * DeliveringClients.Capacity; i++)
        {
            if (i % 1000 == 0)
                clients.Note(regular);
            clients.Note(Range(new IPAddress([10, (byte)(i >> 16), (byte)(i >> 8), (byte)i])));
        }

        Assert.That((clients.Find(regular)?.Messages, clients.Count, clients.Dropped + clients.Count), Is.EqualTo((
            (uint?)(2 * DeliveringClients.Capacity / 1000 + 1), clients.Count, (long)(2 * DeliveringClients.Capacity + 1))));
        Assert.That(clients.Count, Is.InRange(DeliveringClients.Capacity / 2, DeliveringClients.Capacity));
    }

    [Test]
    public async Task File_OverARestart_BringsBackAllButWhatIsNotUnderstood()
    {
        using var state = new TestState();
        var table = TestAnvil.Table(new(new()), state.Time);
        using (var directory = state.Open())
        {
            var file = new DeliveringFile(table, directory, state.Time);
            table.Delivering.Note(Range("192.0.2.1"));
            table.Delivering.Note(Range("192.0.2.1"));
            table.Delivering.Note(ClientRange.Of(IPAddress.Parse("2001:db8:1:2:3::"), 32, 64));
            await file.StopAsync(default);
            file.Dispose();
        }

        var lines = await File.ReadAllLinesAsync(state.InIt("delivering"));
        Assert.That(lines, Is.EquivalentTo(["192.0.2.1/32 2 1767225600", "2001:db8:1:2::/64 1 1767225600"]));
        await File.WriteAllLinesAsync(state.InIt("delivering"), [
            .. lines, "192.0.2.2/33 1 1", "rubbish \0", "192.0.2.3/32 99999999999 1", "192.0.2.4/32 1 -1", "192.0.2.5/32 0 1",
        ]);
        using var next = state.Open();
        var later = TestAnvil.Table(new(new()), state.Time);
        using var read = new DeliveringFile(later, next, state.Time);
        Assert.That(later.Delivering.All(), Is.EquivalentTo(table.Delivering.All()));
        Assert.That(state.Lines, Is.EqualTo([$"{state.InIt("delivering")}: line 3 is not understood and left out"]));
    }

    private static ClientRange Range(string address) => Range(IPAddress.Parse(address));

    private static ClientRange Range(IPAddress address) => ClientRange.Of(address, 32, 128);
}
