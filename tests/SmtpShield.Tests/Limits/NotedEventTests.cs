using System.Runtime.CompilerServices;
using SmtpShield.Limits;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Limits;

internal sealed class NotedEventTests
{
    private static IEnumerable<ClientEvent> Events =>
    [
        .. ClientLimits.All.Select(static limit => ClientEvent.Of(new(limit, NotedEvent.Most), NotedEvent.Most - 1, 450)),
        .. Enum.GetValues<Verb>().Select(static verb => ClientEvent.OfError(verb, 599, 1)),
        .. Enum.GetValues<ClientEventKind>().Select(static kind => new ClientEvent(int.MaxValue, kind, 7, 1023, NotedEvent.Most, 0)),
        ClientEvent.OfRelease() with { Second = -7 },
    ];

    [TestCaseSource(nameof(Events))]
    public void Unpacked_OfEachEvent_IsWhatWasPacked(object noted) => Assert.That(new NotedEvent((ClientEvent)noted).Unpacked, Is.EqualTo(noted));

    [Test]
    public void Unpacked_OfACountThatHasNoRoom_IsTheLargestThatHas()
    {
        var unpacked = new NotedEvent(ClientEvent.Of(new(ClientLimits.Message, int.MaxValue), NotedEvent.Most + 1, 450)).Unpacked;

        Assert.That((unpacked.Count, unpacked.Limit, unpacked.Code, unpacked.Rule), Is.EqualTo((NotedEvent.Most, NotedEvent.Most, 450, ClientLimits.Message)));
    }

    [Test]
    public void Size_OfANotedEvent_Is12Octets() => Assert.That(Unsafe.SizeOf<NotedEvent>(), Is.EqualTo(12));
}
