using SmtpShield.Host.Firewall;

namespace SmtpShield.Tests.Host;

[Property("Operations", "OPS-28")]
public sealed class KernelComparisonTests
{
    // As nft 1.0.6 prints it.
    private const string Held = """
        {"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, {"table": {"family": "inet", "name": "smtpshield_bans", "handle": 1}},
        {"set": {"family": "inet", "name": "ports", "table": "smtpshield_bans", "type": "inet_service", "handle": 1, "elem": [25]}},
        {"set": {"family": "inet", "name": "allow4", "table": "smtpshield_bans", "type": "ipv4_addr", "handle": 2, "flags": ["interval"],
        "elem": [{"prefix": {"addr": "127.0.0.0", "len": 8}}, "192.0.2.70"]}},
        {"set": {"family": "inet", "name": "ban4", "table": "smtpshield_bans", "type": "ipv4_addr", "handle": 3, "size": 1179648, "flags": ["timeout"],
        "elem": [{"elem": {"val": "192.0.2.7", "timeout": 100, "expires": 98}}, {"elem": {"val": "192.0.2.8", "timeout": 86400, "expires": 86398}}]}},
        {"set": {"family": "inet", "name": "ban6", "table": "smtpshield_bans", "type": "ipv6_addr", "handle": 4, "flags": ["timeout"],
        "elem": [{"elem": {"val": "2001:db8:0:1::", "timeout": 100, "expires": 98}}]}},
        {"set": {"family": "inet", "name": "net4", "table": "smtpshield_bans", "type": "ipv4_addr", "handle": 5, "flags": ["interval", "timeout"],
        "elem": [{"elem": {"val": {"prefix": {"addr": "198.51.0.0", "len": 16}}, "timeout": 100, "expires": 98}}]}},
        {"set": {"family": "inet", "name": "net6", "table": "smtpshield_bans", "type": "ipv6_addr", "handle": 6, "flags": ["interval", "timeout"],
        "elem": [{"elem": {"val": "2001:db8::1", "timeout": 100, "expires": 98}}, {"elem": {"val": {"prefix": {"addr": "2001:db8:1::", "len": 48}},
        "timeout": 5, "expires": 3}}]}},
        {"chain": {"family": "inet", "table": "smtpshield_bans", "name": "refuse", "handle": 7}}]}
        """;

    private static readonly DateTimeOffset s_now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Test]
    public void Parse_OfWhatNftPrints_HasTheSetsOfBansAndNoOthers() =>
        Assert.That(KernelSets.Parse(Held).Select(static ban => $"{ban.Prefix} {ban.Seconds}"), Is.EqualTo((string[])[
            "192.0.2.7/32 98", "192.0.2.8/32 86398", "2001:db8:0:1::/64 98", "198.51.0.0/16 98", "2001:db8::1/128 98", "2001:db8:1::/48 3"]));

    [Test]
    public void Parse_OfATableWithoutElements_IsNothing() =>
        Assert.That(KernelSets.Parse("""{"nftables": [{"set": {"name": "ban4"}}]}"""), Is.Empty);

    [Test]
    public void Of_TheSameInBoth_HasNoDifference()
    {
        var comparison = KernelComparison.Of(
            [
                new("192.0.2.7", 100), new("192.0.2.8", 86400), new("2001:db8:0:1::/64", 100), new("198.51.0.0/16", 100), new("198.51.100.0/24", 9999),
                new("2001:db8::1", 100), new("2001:db8:1::/48", 5),
            ],
            KernelSets.Parse(Held), s_now);

        Assert.That((comparison.IsEqual, comparison.Wanted), Is.EqualTo((true, 7)));
        Assert.That(comparison.Bans.Single(static row => row.Prefix == "198.51.100.0/24").Within, Is.EqualTo("198.51.0.0/16"));
    }

    [Test]
    public void Of_WhatDiffers_SaysOfEachHow()
    {
        var comparison = KernelComparison.Of(
            [new("192.0.2.7", 3600), new("192.0.2.9", 60), new("203.0.113.0/24", 60), new("2001:db8:0:1::/64", 100)], KernelSets.Parse(Held), s_now);

        Assert.That((comparison.Missing, comparison.Extra, comparison.IsEqual), Is.EqualTo((3, 4, false)));
        Assert.That(comparison.Bans.Select(static row => $"{row.Prefix}: {row.Difference ?? "none"}"), Is.EqualTo((string[])[
            "192.0.2.7: ends at another time", "192.0.2.9: missing", "203.0.113.0/24: missing", "2001:db8:0:1::/64: none",
            "192.0.2.8: not on the shield's list", "198.51.0.0/16: not on the shield's list", "2001:db8::1: not on the shield's list",
            "2001:db8:1::/48: not on the shield's list"]));
    }
}
