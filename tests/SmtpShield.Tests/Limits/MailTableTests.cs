using SmtpShield.Limits;

namespace SmtpShield.Tests.Limits;

internal sealed class MailTableTests
{
    private const int Capacity = 500;

    // Against a dictionary, from empty to full and back: who is behind one that goes is found as before.
    [Test]
    public void Mail_SetAndTakenByChance_IsThatOfADictionary()
    {
        var random = new Random(95);
        var table = new MailTable<uint>(Capacity);
        var expected = new Dictionary<uint, AcceptedMessages>();
        for (var i = 1u; i < 60_000; i++)
        {
            var key = (uint)random.Next(2 * Capacity);
            Assert.That(table.Find(key), Is.EqualTo(Known(key)));
            if (expected.Count == Capacity || random.Next(3) == 0)
                Assert.That(table.Take(key), Is.EqualTo(expected.Remove(key, out var mail) ? mail : (AcceptedMessages?)null));
            else
                table.Set(key, expected[key] = new(i, i));
        }

        Assert.That(table.Count, Is.EqualTo(expected.Count));
        Assert.That(table.All().ToDictionary(static one => one.Key, static one => one.Mail), Is.EquivalentTo(expected));
        Assert.That(table.CountSince(59_000), Is.EqualTo(expected.Values.Count(static mail => mail.LastAt >= 59_000)));
        table.Clear();
        Assert.That((table.Count, table.Find(1), table.Take(1)), Is.EqualTo((0, (AcceptedMessages?)null, (AcceptedMessages?)null)));

        AcceptedMessages? Known(uint key) => expected.TryGetValue(key, out var mail) ? mail : null;
    }
}
