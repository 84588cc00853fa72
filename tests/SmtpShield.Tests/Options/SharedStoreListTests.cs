using SmtpShield.Options;

namespace SmtpShield.Tests.Options;

/// <summary>Several stores, and stores with partitions.</summary>
internal sealed class SharedStoreListTests
{
    [TestCase("", "")]
    [TestCase("redis://a", "a:6379")]
    [TestCase("redis://a, redis://b:7000\trediss://c+rediss://d", "a:6379 b:7000 c:6379+d:6379")]
    [TestCase("redis://a,redis://b", "a:6379 b:6379")]
    [TestCase("unix:/run/a.sock unix:/run/b.sock", "/run/a.sock /run/b.sock")]
    public void TryRead_OfStores_IsWhereTheyAre(string text, string expected)
    {
        Assert.That(SharedStoreList.TryRead(text, out var stores), Is.Null);
        Assert.That(string.Join(' ', stores), Is.EqualTo(expected));
    }

    [TestCase("redis://a", 1)]
    [TestCase("redis://a?partitions=1", 1)]
    [TestCase("redis://a+redis://b?partitions=16", 16)]
    [TestCase("redis://a?partitions=256", 256)]
    public void TryRead_OfPartitions_IsHowMany(string text, int expected)
    {
        Assert.That(SharedStoreList.TryRead(text, out var stores), Is.Null);
        Assert.That(stores, Has.One.Property(nameof(SharedStoreAddress.Partitions)).EqualTo(expected));
    }

    [TestCase("redis://a redis://a:6379", "two stores are alike: a:6379")]
    [TestCase("redis://a, redis://b+redis://A", "two stores are alike: a:6379")]
    [TestCase("redis://a ftp://b", "\"ftp://b\" is no address of a store")]
    [TestCase("redis://a?partitions=0", "\"?partitions=0\" is not ?partitions= with a number from 1 to 256")]
    [TestCase("redis://a?partitions=257", "\"?partitions=257\" is not ?partitions= with a number from 1 to 256")]
    [TestCase("redis://a?partitions=-1", "\"?partitions=-1\" is not ?partitions= with a number from 1 to 256")]
    [TestCase("redis://a?db=1", "\"?db=1\" is not ?partitions= with a number from 1 to 256")]
    [TestCase("redis://a?", "\"?\" is not ?partitions= with a number from 1 to 256")]
    [TestCase("redis://a?partitions=200 redis://b?partitions=57", "all stores together have more than 256 partitions")]
    public void TryRead_OfWhatIsWrong_SaysWhy(string text, string expected)
    {
        Assert.That(SharedStoreList.TryRead(text, out var stores), Is.EqualTo(expected));
        Assert.That(stores, Is.Empty);
    }
}
