using System.Net;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

internal sealed class PeerLookupTests
{
    private readonly FakeTimeProvider _time = new();

    [TestCase("192.0.2.7", "192.0.2.7")]
    [TestCase("192.0.2.7", "192.0.2.1 192.0.2.7 2001:db8::7")]
    [TestCase("2001:db8::7", "192.0.2.7 2001:db8::7")]
    [TestCase("fe80::7", "fe80::7%2")]
    public void Ask_NameThatResolvesBack_IsTheName(string address, string addresses)
    {
        using var resolver = new ScriptedNameResolver().With(address, "Mx.example.com", addresses.Split(' '));

        Assert.That(LookUp(address, resolver), Is.EqualTo(new PeerName("Mx.example.com")));
    }

    [Test]
    public void Ask_NameOfAnotherAddress_IsRefused()
    {
        using var resolver = new ScriptedNameResolver().With("192.0.2.7", "mx.example.com", "192.0.2.8", "::ffff:192.0.2.7");

        Assert.That(LookUp("192.0.2.7", resolver), Is.EqualTo(new PeerName("unknown", PeerNameFault.Mismatch, "mx.example.com")));
    }

    [TestCase("192.0.2.7", "2001:db8::7")]
    [TestCase("2001:db8::7", "192.0.2.7")]
    public void Ask_NameWithoutAddressesOfTheFamily_IsRefusedWithTheResolversWords(string address, string other)
    {
        using var resolver = new ScriptedNameResolver().With(address, "mx.example.com", other);

        Assert.That(LookUp(address, resolver), Is.EqualTo(new PeerName("unknown", PeerNameFault.Unresolved, "mx.example.com", "Name or service not known")));
    }

    [TestCase("x\r\nRCPT", PeerNameFault.Malformed)]
    [TestCase("127.0.0.1", PeerNameFault.Numeric)]
    public void Ask_NoHostName_IsNotLookedUp(string claimed, PeerNameFault fault)
    {
        using var resolver = new ScriptedNameResolver().With("192.0.2.7", claimed, "192.0.2.7");

        Assert.That(LookUp("192.0.2.7", resolver), Has.Property(nameof(PeerName.Name)).EqualTo("unknown").And.Property(nameof(PeerName.Fault)).EqualTo(fault));
        Assert.That(resolver.Questions, Is.EqualTo(new[] { "192.0.2.7" }));
    }

    [Test]
    public void Ask_AddressWithoutAName_IsUnknown() => Assert.That(LookUp("192.0.2.7", new()), Is.EqualTo(PeerName.Unknown));

    [Test]
    public void Ask_NobodyAnswersForTheAddress_IsUnknownForNow()
    {
        using var resolver = new ScriptedNameResolver { FailsTemporarily = true };

        Assert.That(LookUp("192.0.2.7", resolver),
            Has.Property(nameof(PeerName.IsTemporary)).True.And.Property(nameof(PeerName.ReverseName)).EqualTo("unknown"));
    }

    [TestCase(false), TestCase(true)]
    public void Ask_NameThatDoesNotResolve_IsTheReverseName(bool isTemporary)
    {
        using var resolver = new ScriptedNameResolver { FailsTemporarily = isTemporary }.With("192.0.2.7", "mx.example.com");

        var found = LookUp("192.0.2.7", resolver);

        Assert.That((found.Name, found.ReverseName, found.IsTemporary), Is.EqualTo(("unknown", "mx.example.com", isTemporary)));
    }

    [TestCase("x\r\nRCPT")]
    [TestCase("127.0.0.1")]
    public void Ask_NoHostName_IsNoReverseName(string claimed)
    {
        using var resolver = new ScriptedNameResolver().With("192.0.2.7", claimed);

        Assert.That(LookUp("192.0.2.7", resolver),
            Has.Property(nameof(PeerName.ReverseName)).EqualTo("unknown").And.Property(nameof(PeerName.IsTemporary)).False);
    }

    // How long each answer takes; the deadline of 2 s is for both.
    [TestCase(0.999, "mx.example.com", 2)]
    [TestCase(1, "unknown", 2)]
    [TestCase(2, "unknown", 1)]
    public void Ask_SlowResolver_IsUnknownAndAskedNothingMore(double seconds, string name, int questions)
    {
        using var resolver = new ScriptedNameResolver { Asked = () => _time.Advance(TimeSpan.FromSeconds(seconds)) }
            .With("192.0.2.7", "mx.example.com", "192.0.2.7");

        Assert.That((LookUp("192.0.2.7", resolver), resolver.Questions.Count), Is.EqualTo((new PeerName(name) { IsTemporary = name == "unknown" }, questions)));
    }

    [Test]
    public async Task Ask_GivenUp_IsUnansweredAndLeavesNoTimer()
    {
        using var resolver = new ScriptedNameResolver { IsUnanswered = static _ => true };
        using (var lookup = new PeerLookup(IPAddress.Parse("192.0.2.7"), default, _time))
        {
            var answer = lookup.AskAsync(resolver);
            lookup.GiveUp();
            Assert.That((await answer, resolver.Asking), Is.EqualTo((PeerName.Unanswered, 0)));
        }

        Assert.That(_time.ActiveTimers, Is.Zero);
    }

    private PeerName LookUp(string address, ScriptedNameResolver resolver)
    {
        using var lookup = new PeerLookup(IPAddress.Parse(address), default, _time);
        return lookup.AskAsync(resolver).AsTask().GetAwaiter().GetResult();
    }
}
