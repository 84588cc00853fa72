using System.Net;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Tests.Bans;

[Property("Operations", "OPS-23")]
public sealed class NeverBannedTests
{
    private const string Client = "192.0.2.7";

    private TestBans _bans = null!;

    [SetUp]
    public void Create() => _bans = new();

    [TearDown]
    public void Dispose() => _bans.Dispose();

    // Whom the kernel may drop: nobody who is exempt by his name, at whatever service.
    [TestCase("", "", "unknown", false, true)]
    [TestCase("", ".example.com", "unknown", false, false, Description = "not looked up, or nobody answered")]
    [TestCase(".example.com", "", "unknown", false, false)]
    [TestCase("", ".example.com", "unknown", true, true, Description = "it has none")]
    [TestCase("", ".example.com", "mx.example.net", true, true)]
    [TestCase("", ".example.com", "mx.example.com", true, false)]
    [TestCase("", Client, "unknown", true, false, Description = "another service's list")]
    public void IsNewlySure_ByListsAndNames_IsOnlyWhereNoServiceExemptsIt(string here, string there, string name, bool isNameKnown, bool expected)
    {
        var options = _bans.Snapshot.Current with { Smtpd = new() { PeernameLookup = true } };
        _bans.Snapshot.Replace(options with
        {
            Services = new Dictionary<string, ShieldOptions>
            {
                ["smtp"] = options with { Bans = options.Bans with { Exceptions = AddressPatternList.Parse(here) } },
                ["submission"] = options with { Limits = options.Limits with { ClientEventLimitExceptions = AddressPatternList.Parse(there) } },
            },
        });
        _bans.Add($"{Client}/32");

        var client = new ClientIdentity(new(IPAddress.Parse(Client), 4711), name);
        Assert.That(_bans.Never.IsNewlySure(_bans.Find(Client)!, client, isNameKnown), Is.EqualTo(expected));
    }

    // /proc of a container may go away: the shield goes on with what it knew.
    [TestCase(typeof(IOException))]
    [TestCase(typeof(UnauthorizedAccessException))]
    public void Refresh_WhenTheHostCannotBeAsked_KeepsWhatWasKnown(Type failure)
    {
        var asked = 0;
        var never = new NeverBanned(_bans.Snapshot, _bans.Exemptions, static _ => [], _bans.Time, () => asked++ == 0
            ? new() { [IPAddress.Parse(Client)] = "it is this host" } : throw (Exception)Activator.CreateInstance(failure)!);
        Assert.That(asked, Is.EqualTo(1), "before anybody connects");
        _bans.Time.Advance(TimeSpan.FromSeconds(60));
        never.Refresh();

        Assert.That((asked, never.WhyNot(IPAddress.Parse(Client))), Is.EqualTo((2, "it is this host")));
    }
}
