using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Host.Firewall;

namespace SmtpShield.Tests.Host;

[Property("Operations", "OPS-27")]
public sealed partial class NftScriptTests
{
    // Whatever an answer has for a prefix: a script of prefixes and numbers, or none.
    [Test]
    public void AppendBans_OfAnythingThatIsReadAsAPrefix_IsAScriptOfPrefixes()
    {
        var random = new Random(27);
        const string Letters = "0123456789abcdef.:/; {}@$()\n\r\t\"'\\%_-#xtimeou";
        for (var i = 0; i < 10_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(1, 24)).Select(_ => Letters[random.Next(Letters.Length)])]);
            if (i % 3 == 0)
                text = $"192.0.2.{random.Next(300)}/{random.Next(40)}{(random.Next(2) == 0 ? "" : text)}";
            if (FirewallSync.Parse(text) is not { } prefix)
                continue;
            var script = new StringBuilder();
            NftScript.AppendBans(script, [new(prefix, random.Next(1, 100_000))]);
            NftScript.AppendLifted(script, [prefix]);
            NftScript.AppendSpared(script, [prefix]);
            foreach (var line in script.ToString().TrimEnd('\n').Split('\n'))
                Assert.That(line, Does.Match(Lines()), text);
        }
    }

    [TestCase("192.0.2.7", "ban4 { 192.0.2.7 timeout 60s }")]
    [TestCase("192.0.2.0/24", "net4 { 192.0.2.0/24 timeout 60s }")]
    [TestCase("2001:db8::/64", "ban6 { 2001:db8:: timeout 60s }")]
    [TestCase("2001:db8::/48", "net6 { 2001:db8::/48 timeout 60s }")]
    [TestCase("2001:db8::1", "net6 { 2001:db8::1/128 timeout 60s }")]
    public void AppendBans_OfAPrefix_GoesToTheSetOfItsLength(string prefix, string element)
    {
        var script = new StringBuilder();
        NftScript.AppendBans(script, [new(FirewallSync.Parse(prefix)!.Value, 60)]);

        Assert.That(script.ToString(), Does.StartWith($"add element inet smtpshield_bans {element}; delete element"));
    }

    // A full set refuses a whole batch: there is room for the largest shield_ban_table_size.
    [Test]
    public void Begin_OfSetsOfAddresses_HasRoomForTheMostBansThereMayBe()
    {
        var sizes = NftScript.Begin().Split('\n').Where(static line => line.Contains("set inet smtpshield_bans ban", StringComparison.Ordinal))
            .Select(static line => int.Parse(line.Split("size ")[1].Split(';')[0], System.Globalization.CultureInfo.InvariantCulture)).ToList();

        Assert.That(sizes, Has.Count.EqualTo(2).And.All.GreaterThan(1_000_000));
    }

    [TestCase("192.0.2.7/24")]
    [TestCase("192.0.2.7; flush ruleset")]
    [TestCase("$(reboot)")]
    [TestCase("")]
    [TestCase("::/129")]
    public void Parse_OfWhatIsNoPrefix_IsNothing(string text) => Assert.That(FirewallSync.Parse(text), Is.Null);

    [GeneratedRegex(@"^((add|delete) element inet smtpshield_bans \w+ \{ [0-9a-f.:/]+( timeout \d+s)? \}(; )?)+$|"
        + @"^flush set inet smtpshield_bans \w+(; add element inet smtpshield_bans \w+ \{ [0-9a-f.:/]+ \})?$")]
    private static partial Regex Lines();
}
