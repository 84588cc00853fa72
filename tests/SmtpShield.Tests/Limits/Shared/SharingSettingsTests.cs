using SmtpShield.Limits.Shared;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>What all shields must have alike.</summary>
internal sealed class SharingSettingsTests
{
    private static readonly SharedService[] s_services = [new("smtp", 5, default)];

    [Test]
    [Property("Sharing", "SHARE-29")]
    public void DifferenceIn_ShieldsThatAreAlike_IsNone()
    {
        var other = Of(new(), "mx2");
        Assert.That((SharingSettings.NameIn(other), SharingSettings.DifferenceIn(Of(new(), "mx1"), other)), Is.EqualTo(("mx2", (string?)null)));
    }

    [Test]
    [Property("Sharing", "SHARE-29")]
    public void DifferenceIn_AnotherUnit_IsNamed() => Assert.That(
        SharingSettings.DifferenceIn(Of(new(), "mx1"), Of(new() { RateTimeUnit = TimeSpan.FromSeconds(30) }, "mx2")), Is.EqualTo("anvil_rate_time_unit = 30s"));

    [Test]
    [Property("Sharing", "SHARE-29")]
    public void DifferenceIn_AnotherPrefixLength_IsNamed() => Assert.That(
        SharingSettings.DifferenceIn(Of(new(), "mx1"), Of(new() { ClientIPv6PrefixLength = 56 }, "mx2")),
        Is.EqualTo("smtp/inet/smtpd_client_ipv6_prefix_length = 56"));

    [Test]
    public void DifferenceIn_WhatSomebodyElseHasWritten_IsPrintable()
    {
        Assert.That(SharingSettings.NameIn("\u001b[31mred\0" + new string('x', 200)), Has.Length.EqualTo(100).And.StartsWith("[31mred"));
        Assert.That(SharingSettings.DifferenceIn(Of(new(), "mx1"), "x\nanvil_rate_time_unit = \u001b7\nnonsense\n = \n"),
            Is.EqualTo("anvil_rate_time_unit = 7"));
    }

    private static string Of(AnvilOptions anvil, string name) => SharingSettings.Of(new() { Anvil = anvil, Sharing = new() { Name = name } }, s_services);
}
