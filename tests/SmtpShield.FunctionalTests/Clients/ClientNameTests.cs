using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Clients;

/// <summary><c>smtpd_peername_lookup</c>: the client is 127.0.0.1, the name service scripted but for one test.</summary>
[CancelAfter(20_000)]
internal sealed class ClientNameTests
{
    private ScriptedMta _mta = null!;
    private ScriptedNameResolver _resolver = null!;

    [SetUp]
    public void Create() => (_mta, _resolver) = (new(), new());

    [TearDown]
    public async Task DisposeAsync()
    {
        _resolver.Dispose();
        await _mta.DisposeAsync();
    }

    // On a clock that stands still the wait for a name does not end before the name is there.
    [Test]
    public async Task Connect_NameInTheHostsFile_IsInTheLog(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken, new FakeTimeProvider());
        await using var client = await GreetedAsync(shield, cancellationToken);

        Assert.That(shield.Log.Lines, Has.Member("connect from localhost[127.0.0.1]"));
    }

    [Test]
    public async Task Connect_ResolverNeverAnswers_ClientIsGreetedAsUnknown(CancellationToken cancellationToken)
    {
        var asked = new TaskCompletionSource();
        _resolver.Silence().Asked = asked.SetResult;
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken, resolver: _resolver);
        await using var client = await GreetedAsync(shield, cancellationToken);

        await asked.Task.WaitAsync(cancellationToken);
        Assert.That(shield.Log.Lines, Has.Member("connect from unknown[127.0.0.1]"));
    }

    [TestCase("mx.example.com", "hostname mx.example.com does not resolve to address 127.0.0.1: Name or service not known")]
    [TestCase("10.0.0.1", "numeric hostname: 10.0.0.1")]
    [TestCase("x\r\nRCPT", "malformed hostname: x??RCPT")]
    public async Task Connect_UnverifiedName_IsUnknownAndWarnedOfBefore(string name, string warning, CancellationToken cancellationToken)
    {
        await using var shield = await ShieldUnderTest.StartAsync(Options(), cancellationToken, new FakeTimeProvider(), _resolver.With("127.0.0.1", name));
        await using var client = await GreetedAsync(shield, cancellationToken);

        Assert.That(shield.Log.Lines.SkipWhile(line => line != warning).Take(2), Is.EqualTo(new[] { warning, "connect from unknown[127.0.0.1]" }));
    }

    [TestCase("127.0.0.1", "220 mx")]
    [TestCase("192.0.2.1", "421 4.7.0 mail.example.com Error: too many connections from 127.0.0.1")]
    public async Task Connect_NameIsExempt_OnlyWhenItIsVerified(string addressOfTheName, string reply, CancellationToken cancellationToken)
    {
        var options = Options() with { Limits = new() { ClientConnectionCountLimit = 1,
            ClientEventLimitExceptions = AddressPatternList.Parse("!spam.example.com, .example.com") } };
        await using var shield = await ShieldUnderTest.StartAsync(
            options, cancellationToken, new FakeTimeProvider(), _resolver.With("127.0.0.1", "mx.example.com", addressOfTheName));
        await using var first = await GreetedAsync(shield, cancellationToken);
        await using var second = await shield.ConnectAsync(cancellationToken);
        _ = GreetAsync(cancellationToken);

        Assert.That(await second.ReplyAsync(cancellationToken), Is.EqualTo(reply));
    }

    private ShieldOptions Options()
    {
        var options = ShieldUnderTest.Before(_mta);
        return options with { Smtpd = options.Smtpd with { PeernameLookup = true } };
    }

    private async Task<RawSmtpClient> GreetedAsync(ShieldUnderTest shield, CancellationToken cancellationToken)
    {
        var client = await shield.ConnectAsync(cancellationToken);
        await GreetAsync(cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));
        return client;
    }

    private async Task GreetAsync(CancellationToken cancellationToken) =>
        await (await _mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
}
