using System.Globalization;
using SmtpShield.Testing.Attacks;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests;

/// <summary>
/// The attacks of <c>tests/measure/attacks</c> with fewer connections, still more than Postfix has processes: a client known before gets its mail through, and
/// the MTA keeps room. Nothing here depends on how long anything takes.
/// </summary>
public sealed class AttackTests
{
    private const int Connections = 150;

    // shield_upstream_session_limit
    private const int SessionLimit = 90;
    private const int QuietMails = 5;
    private const int Mails = 15;

    // Of a client with a rate limit of 5, and with room for the mails until the attack stands.
    private const int KnownAddresses = 40;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(80);
    private readonly string _directory = Directory.CreateTempSubdirectory("smtpshield-attacked-").FullName;
    private PostfixInstance? _postfix;

    private static IEnumerable<Attack> Attacks => AttackCatalogue.All.Select(attack => attack.Divided(Math.Max(1, attack.Connections / Connections)));

    private PostfixInstance Postfix => _postfix ?? throw new InvalidOperationException("Postfix was not started");

    private string ChainFile => Path.Combine(_directory, "chain.pem");

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        await File.WriteAllTextAsync(ChainFile, TestCertificate.Make(PostfixInstance.HostName).Chain);
        _postfix = await PostfixInstance.StartAsync(
            AttackCatalogue.All.Select(attack => PostfixService.WithoutLimits(attack.Name)), TestContext.CurrentContext.CancellationToken,
            new Dictionary<string, string> { ["virtual_transport"] = "discard:" });
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        if (_postfix is not null)
            await _postfix.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [TestCaseSource(nameof(Attacks))]
    [CancelAfter(240_000), Property("Pool", "FAIR-14")]
    public async Task Attack_ClientKnownBefore_IsServedAndTheMtaKeepsRoom(Attack attack, CancellationToken cancellationToken)
    {
        var mta = Postfix.EndPointOf(attack.Name);
        var limits = new Dictionary<string, string> { ["smtpd_tls_chain_files"] = ChainFile, ["smtpd_tls_security_level"] = "may" };
        if (attack.ConnectionRateLimit is { } rate)
            limits["smtpd_client_connection_rate_limit"] = rate.ToString(CultureInfo.InvariantCulture);
        await using var shield = await ShieldProcess.StartAsync(mta, limits, cancellationToken);
        var client = new KnownClient(shield.EndPoint, attack.ConnectionRateLimit is null ? 1 : KnownAddresses);
        for (var mail = 0; mail < (attack.ConnectionRateLimit is null ? QuietMails : KnownAddresses); mail++)
            Assert.That(await client.SendAsync(cancellationToken), Is.Null, "what the client was told in quiet");

        using var sampler = SessionSampler.Start(mta);
        var answers = new List<string?>();
        await using (var run = AttackRun.Start(attack, shield.EndPoint))
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(s_patience);
            // Until each connection of the attack has had an answer, and on.
            for (var left = Mails; left > 0 && !answers.Contains("nothing"); left -= run.Tally.Greeted + run.Tally.Refused < attack.Connections ? 0 : 1)
                answers.Add(await AnswerAsync(client, patience.Token));
            cancellationToken.ThrowIfCancellationRequested();
        }

        using var table = TcpTable.Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(answers, Is.All.Null, "what the client was told");
            Assert.That(sampler.Most, Is.LessThanOrEqualTo(SessionLimit), "the most sessions at the MTA");
            Assert.That(await Eventually.TryAsync(() => table.ConnectionsTo(mta.Port) == 0, s_patience, cancellationToken), "no session is left at the MTA");
        }
        await shield.StopAsync(cancellationToken);
    }

    // Null for an accepted mail.
    private static async Task<string?> AnswerAsync(KnownClient client, CancellationToken patience)
    {
        try
        {
            return await client.SendAsync(patience);
        }
        catch (OperationCanceledException)
        {
            return "nothing";
        }
    }
}
