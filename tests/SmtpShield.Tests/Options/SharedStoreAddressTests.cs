using SmtpShield.Options;

namespace SmtpShield.Tests.Options;

/// <summary>Where a store is.</summary>
internal sealed class SharedStoreAddressTests
{
    [TestCase("redis://10.0.0.5:6379", "10.0.0.5:6379", false)]
    [TestCase("redis://10.0.0.5", "10.0.0.5:6379", false)]
    [TestCase("redis://[2001:db8::5]:7000", "[2001:db8::5]:7000", false)]
    [TestCase("redis://store.example.com/", "store.example.com:6379", false)]
    [TestCase("rediss://a.example.com:6380+rediss://b.example.com:6380", "a.example.com:6380+b.example.com:6380", true)]
    [TestCase("unix:/run/redis/redis.sock", "/run/redis/redis.sock", false)]
    public void TryRead_OfAnAddress_IsWhereItIs(string text, string expected, bool hasTls)
    {
        Assert.That(SharedStoreAddress.TryRead(text, out var address), Is.Null);
        Assert.That((address!.ToString(), address.HasTls), Is.EqualTo((expected, hasTls)));
    }

    [TestCase("10.0.0.5:6379", "\"10.0.0.5:6379\" is no address of a store")]
    [TestCase("http://10.0.0.5", "\"http://10.0.0.5\" is no address of a store")]
    [TestCase("redis://", "\"redis://\" is no address of a store")]
    [TestCase("redis://a:b", "\"redis://a:b\" is no address of a store")]
    [TestCase("redis://a:70000", "\"redis://a:70000\" is no address of a store")]
    [TestCase("unix:", "\"unix:\" is no address of a store")]
    [TestCase("redis://a+", "\"\" is no address of a store")]
    [TestCase("redis://a+rediss://b", "all nodes of a store have TLS, or none")]
    public void TryRead_OfNone_SaysWhy(string text, string expected) =>
        Assert.That((SharedStoreAddress.TryRead(text, out var address), address), Is.EqualTo((expected, (SharedStoreAddress?)null)));
}
