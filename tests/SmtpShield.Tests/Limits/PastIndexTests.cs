using SmtpShield.Limits;

namespace SmtpShield.Tests.Limits;

internal sealed class PastIndexTests
{
    // Against a dictionary, over several sizes, of two services.
    [Test]
    public void Pasts_AddedAndRemovedByChance_AreThoseOfADictionary()
    {
        var random = new Random(75);
        var index = new PastIndex();
        var expected = new Dictionary<AnvilKey, ClientPast>();
        for (var i = 0; i < 20_000; i++)
        {
            var key = KeyOf(random.Next(1000));
            Assert.That(index.Find(key), Is.SameAs(expected.GetValueOrDefault(key)));
            if (expected.Remove(key, out var past))
            {
                index.Remove(past);
            }
            else
            {
                past = new();
                past.Begin(key, i);
                index.Add(past);
                expected.Add(key, past);
            }
        }

        Assert.That(index.Count, Is.EqualTo(expected.Count));
        for (var i = 0; i < 1000; i++)
            Assert.That(index.Find(KeyOf(i)), Is.SameAs(expected.GetValueOrDefault(KeyOf(i))));
    }

    private static AnvilKey KeyOf(int number) => new(number % 2 == 0 ? "smtp" : "submission", new((uint)number / 2, 32, isIPv4: true));
}
