using System.Runtime.CompilerServices;
using SmtpShield.Clients;
using SmtpShield.Limits;

namespace SmtpShield.Tests.Limits;

internal sealed class PastTableTests
{
    private readonly AnvilHash _hash = new();

    // Against a dictionary, over several sizes, of two services.
    [Test]
    public void Pasts_AddedAndRemovedByChance_AreThoseOfADictionary()
    {
        var random = new Random(75);
        var table = new PastTable(_hash);
        var expected = new Dictionary<PastKey, (int Index, int Second)>();
        for (var i = 0; i < 20_000; i++)
        {
            var key = KeyOf(random.Next(1000));
            var index = table.Find(key);
            Assert.That(index, Is.EqualTo(expected.GetValueOrDefault(key).Index));
            if (expected.Remove(key, out var its))
            {
                Assert.That((table.At(index).First, table.At(index).Client), Is.EqualTo((its.Second, key.Client)));
                table.Remove(index);
            }
            else
            {
                expected.Add(key, (table.Add(key, i), i));
            }
        }

        Assert.That(table.Count, Is.EqualTo(expected.Count));
        Assert.That(table.Used, Is.LessThanOrEqualTo(1000), "the room of those that went is used again");
        for (var i = 0; i < 1000; i++)
            Assert.That(table.Find(KeyOf(i)), Is.EqualTo(expected.GetValueOrDefault(KeyOf(i)).Index));
    }

    [Test]
    public void Size_OfAPast_Is240Octets() => Assert.That(Unsafe.SizeOf<ClientPast>(), Is.EqualTo(240));

    private PastKey KeyOf(int number)
    {
        var client = new ClientRange((uint)number / 2, 32, isIPv4: true);
        return new(client, (byte)(number % 2), _hash.Of(client, (byte)(number % 2)));
    }
}
