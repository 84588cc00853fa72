using System.Text.RegularExpressions;
using SmtpShield.Session;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Session;

/// <summary>Nothing of a client's reaches the MTA but what the gate has let through.</summary>
public class PermitTests
{
    [Test]
    public void Demand_NotGranted_Fails() => Assert.That(static () => default(Permit).Demand(), Throws.InvalidOperationException);

    [Test]
    public void Constructor_IsBannedInTheBuild() =>
        Assert.That(File.ReadAllLines(Path.Combine(Source, "..", "BannedSymbols.txt")),
            Has.One.StartsWith($"M:{typeof(Permit).FullName}.#ctor(System.Boolean);"));

    [Test]
    public void Rule_IsSuspendedInTheGateOnly() => Assert.That(
        Directory.EnumerateFiles(Path.Combine(Source, "Session"), "*.cs")
            .Where(file => File.ReadAllText(file).Contains("#pragma warning disable RS0030", StringComparison.Ordinal)).Select(Path.GetFileName),
        Is.EqualTo(new[] { "CommandGate.cs" }));

    [Test]
    public void Octets_AreWrittenByTheLegsOnly() => Assert.That(
        Directory.EnumerateFiles(Path.Combine(Source, "Session"), "*.cs")
            .Where(file => Regex.IsMatch(File.ReadAllText(file), @"\bUpstreamConnection\b|\bWriteOctets\(")).Select(Path.GetFileName).Order(),
        Is.EqualTo(new[] { "ClientLeg.cs", "Leg.cs", "MtaLeg.cs" }));

    [TestCase("Host: example\r\n", "221 ")]
    [TestCase("XCLIENT ADDR=1.2.3.4\r\n", "550 ")]
    [TestCase("NO\rOP\r\n", "500 ")]
    [TestCase("BDAT x\r\n", "521 ")]
    public async Task Command_Refused_NeverReachesTheMta(string command, string code)
    {
        await using var session = SessionUnderTest.Introduced();
        session.ClientSends(command);

        Assert.That((session.ClientSees(), session.MtaSees()), Is.EqualTo((code, "")).Using<(string, string)>(
            static (seen, expected) => seen.Item1.StartsWith(expected.Item1, StringComparison.Ordinal) && seen.Item2 == expected.Item2));
    }

    [Test]
    public async Task AnyInput_CutAnywhere_ReachesTheMtaAsWholeLinesInOrder()
    {
        const string Input = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
        for (var cut = 1; cut < Input.Length; cut++)
        {
            await using var session = SessionUnderTest.Introduced();
            session.ClientSends(Input[..cut]);
            var first = session.MtaSees();
            session.ClientSends(Input[cut..]);

            Assert.That((first.Length == 0 || first.EndsWith("\r\n", StringComparison.Ordinal), first + session.MtaSees()), Is.EqualTo((true, Input)));
        }
    }

    private static string Source => Path.Combine(Repository.Root, "src", "SmtpShield");
}
