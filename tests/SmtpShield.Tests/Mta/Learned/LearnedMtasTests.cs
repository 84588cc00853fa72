using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Mta.Learned;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Learned;

public class LearnedMtasTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _available = ["a:25", "b:25"];
    private LearnedMtas _learned = null!;

    [SetUp]
    public void Begin() => _learned = new(_time, NullLogger<LearnedMtas>.Instance);

    [Test]
    public void Recall_OfAPool_IsWhatAllAvailableOnesOffer()
    {
        var memory = Memory();
        Hear(memory, "a:25", "250-a\r\n250-SIZE 10\r\n250-DSN\r\n250 8BITMIME\r\n");
        Assert.That(memory.Recall(), Is.Null, "b may be dialed, and is not known");
        Hear(memory, "b:25", "250-b\r\n250-SIZE 5\r\n250 8BITMIME\r\n");
        var both = memory.Recall();
        _available.Remove("b:25");
        var one = memory.Recall();

        Assert.That((Text(both), Text(one)), Is.EqualTo(("SIZE 5|8BITMIME", "SIZE 10|DSN|8BITMIME")));
    }

    [Test]
    public void Recall_OfAPoolThatHasNotChanged_IsTheSame()
    {
        var memory = Memory();
        Hear(memory, "a:25", "250 a\r\n");
        Hear(memory, "b:25", "250 b\r\n");

        var first = memory.Recall();

        Assert.That(memory.Recall(), Is.Not.Null.And.SameAs(first));
    }

    [Test]
    public void Recall_OfOtherCircumstances_IsNone()
    {
        _available.Remove("b:25");
        Hear(Memory(), "a:25", "250 a\r\n");

        Assert.That(Memory().Recall(), Is.Not.Null);
        Assert.That(Memory(isInTls: true).Recall(), Is.Null);
        Assert.That(Memory(service: "submission").Recall(), Is.Null);
        Assert.That(Memory(ClientHandoff.Xclient).Recall(), Is.Null);
    }

    private static void Hear(MtaMemory memory, string destination, string reply)
    {
        memory.NoteGreeting(destination, "220 hello\r\n"u8);
        memory.NoteEhlo(destination, Encoding.Latin1.GetBytes(reply));
    }

    private static string? Text(MtaPromise? promise) => promise is null ? null : string.Join('|', promise.Offer.Keywords);

    private MtaMemory Memory(ClientHandoff handoff = ClientHandoff.None, string service = "smtp", bool isInTls = false) =>
        new(_learned, service, new() { Upstream = new() { ClientHandoff = handoff } }, isInTls, () => _available);
}
