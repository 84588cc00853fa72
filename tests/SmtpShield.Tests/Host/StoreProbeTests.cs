using SmtpShield.Host.Commands;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Tests.Host;

/// <summary>What <c>smtpshield check --probe</c> says of stores the machine does not have.</summary>
internal sealed class StoreProbeTests
{
    private const string Valkey = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\nrole:master\r\nconnected_slaves:2\r\n";

    [TestCase(Valkey + "maxmemory:0\r\nmaxmemory_policy:noeviction\r\n", "Note: a:1 is Valkey 8.0.1, in clear, primary, replicas: 2, no maxmemory, "
        + "maxmemory-policy noeviction")]
    [TestCase(Valkey + "maxmemory:1073741824\r\nmaxmemory_policy:allkeys-lru\r\n", "Warning: a:1: maxmemory-policy allkeys-lru: when it is full it may forget "
        + "who the shields are, and hear everything again (CONFIG SET maxmemory-policy volatile-ttl, and the same in redis.conf)")]
    [TestCase(Valkey + "maxmemory:1073741824\r\nmaxmemory_policy:volatile-lru\r\n", "Note: a:1 is Valkey 8.0.1, in clear, primary, replicas: 2, "
        + "maxmemory 1024 MB, maxmemory-policy volatile-lru")]
    [TestCase("", "Note: a:1 does not say what it is, in clear")]
    public void Judge_Node_IsDescribed(string info, string expected) => Assert.That(
        Texts(new StoreFindings("a:1", HasTls: false) { Nodes = [StoreNode.Read("a:1", info)], RoundTrips = [TimeSpan.FromMilliseconds(1)] }),
        Has.One.EqualTo(expected));

    [Test]
    public void Judge_RoundTrips_AreCounted() => Assert.That(
        Texts(new("a:1", HasTls: false) { RoundTrips = [.. Enumerable.Range(1, 20).Select(static i => TimeSpan.FromMilliseconds(i))] }),
        Has.One.Contains("20 calls: p50 10.00 ms, p99 20.00 ms"));

    [TestCase("redis_version:5.0.14\r\n", ExpectedResult = true)]
    [TestCase("redis_version:6.0.0\r\n", ExpectedResult = false)]
    [TestCase("redis_version:255.255.255\r\n", ExpectedResult = false)]
    [TestCase("", ExpectedResult = false)]
    public bool Read_Version_IsOldOrNot(string info) => StoreNode.Read("a:1", info).IsTooOld;

    private static IEnumerable<string> Texts(StoreFindings findings) =>
        StoreProbe.Judge(findings).Select(static problem => $"{problem.Severity}: {problem}"
            .Replace("shared counters: shield_shared_store: ", "", StringComparison.Ordinal));
}
