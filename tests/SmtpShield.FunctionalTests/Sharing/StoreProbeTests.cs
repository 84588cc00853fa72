using SmtpShield.Host.Commands;
using SmtpShield.Limits.Shared;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Sharing;
using SmtpShield.Testing.Tls;
using StackExchange.Redis;

namespace SmtpShield.FunctionalTests.Sharing;

/// <summary><c>smtpshield check --probe</c> with a real Redis that has TLS, and the rights a shield needs, as they are delivered.</summary>
[CancelAfter(60_000)]
internal sealed class StoreProbeTests
{
    private const string Password = "between-shields";
    private const string Name = "localhost";
    private const string Login = "\\(shield_shared_user and the first line of ";

    private string _directory = "";
    private int _tlsPort;
    private RedisInstance _redis = null!;

    private string Node => $"{_redis.EndPoint}";

    [OneTimeSetUp]
    public async Task StartRedis()
    {
        if (!RedisInstance.IsInstalled)
            Assert.Ignore("redis-server is not installed (tests/run installs it when it runs as root)");
        _directory = Directory.CreateTempSubdirectory("smtpshield-probe-").FullName;
        var authority = TestCertificate.Make("store authority");
        var certificate = authority.Issue(Name);
        foreach (var (file, text) in ((string, string)[])[
            ("ca", authority.CertificatePem), ("certificate", certificate.CertificatePem), ("key", certificate.KeyPem), ("password", Password), ("wrong", "x"),
            ("other", TestCertificate.Make("other authority").CertificatePem)])
        {
            await File.WriteAllTextAsync(PathOf(file), text + "\n");
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(PathOf(file), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        _tlsPort = LoopbackPorts.Take();
        _redis = await RedisInstance.StartAsync(CancellationToken.None,
        [
            .. Repository.Read("deploy/cluster/smtpshield.acl").Replace("PASSWORD", Password, StringComparison.Ordinal)
                .Split('\n', StringSplitOptions.RemoveEmptyEntries),
            $"user few on >{Password} ~smtpshield:* -@all +ping +echo +hello +info +client +script|load +evalsha +time +del",
            $"user test on >{Password} ~* +@all",
            $"tls-port {_tlsPort}", $"tls-cert-file {PathOf("certificate")}", $"tls-key-file {PathOf("key")}", $"tls-ca-cert-file {PathOf("ca")}",
            "tls-auth-clients no", "maxmemory 64mb", "maxmemory-policy volatile-ttl",
        ]);
    }

    [OneTimeTearDown]
    public async Task StopRedis()
    {
        if (_redis is not null)
            await _redis.DisposeAsync();
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    [Property("Sharing", "SHARE-25")]
    public async Task Run_StoreThatCanBeUsed_SaysWhatItIsAndWhoSharesAndLeavesNothing(CancellationToken cancellationToken)
    {
        var options = Options(_redis.Address) with { Sharing = Options(_redis.Address).Sharing with { Prefix = "farm", User = "test" } };
        await using var connection = await ConnectionMultiplexer.ConnectAsync($"{Node},user=test,password={Password},allowAdmin=true");
        Assert.That((await RunAsync(options, cancellationToken))[^1], Is.EqualTo($"note: {Node}: no shield shares there now"));

        await using var store = RedisStores.Open(_redis.Address, "farm", login: new("test", Password, null));
        var other = store.Partition(0);
        await other.ExchangeAsync(CallOf("mx2\nanvil_rate_time_unit = 30s"));
        await other.ExchangeAsync(CallOf("mx1\nanvil_rate_time_unit = 60s"));
        var problems = await RunAsync(options, cancellationToken);

        Assert.That(problems, Has.Length.EqualTo(4));
        Assert.That(problems[0], Does.Match(
            $@"^note: {Node} is Redis \d+\.\d+\.\d+, in clear, primary, replicas: 0, maxmemory 64 MB, maxmemory-policy volatile-ttl$"));
        Assert.That(problems[1], Does.Match($@"^note: {Node} has taken a record and given it back; 20 calls: p50 \d+\.\d\d ms, p99 \d+\.\d\d ms$"));
        Assert.That(problems[2..], Is.EqualTo((string[])[
            $"note: {Node}: shields that share there now: 2: mx1, mx2",
            "warning: mx2 has anvil_rate_time_unit = 30s, which must be the same on all shields (change it there or here, and reload)"]));
        Assert.That(connection.GetServer(_redis.EndPoint).Keys().Select(static key => $"{key}").Order(StringComparer.Ordinal),
            Is.EqualTo((string[])["farm:1:{0}:l", "farm:1:{0}:m"]), "nothing of the probe");
    }

    [Test]
    [Property("Sharing", "SHARE-25")]
    public async Task Run_WithTlsAndTheRightsThatAreDelivered_HasNoErrors(CancellationToken cancellationToken) => Assert.That(
        await RunAsync(Options($"rediss://{Name}:{_tlsPort}", "ca"), cancellationToken),
        Has.Length.EqualTo(3).And.All.StartsWith("note: ").And.Some.Contains(", with TLS, primary"));

    [Test]
    [Property("Sharing", "SHARE-21")]
    public async Task Run_StoreThatCannotBeUsed_IsAnErrorWithTheRemedy(CancellationToken cancellationToken)
    {
        var nobody = $"127.0.0.1:{LoopbackPorts.Take()}";
        var plain = Options(_redis.Address);
        foreach (var (options, problem) in ((ShieldOptions, string)[])[
            (Anonymous(_redis.Address), $"error: {Node}: NOAUTH .+ {Login}"),
            (With(plain, sharing => sharing with { PasswordFile = PathOf("wrong") }), $"error: {Node}: WRONGPASS .+ {Login}"),
            (With(plain, static sharing => sharing with { User = "" }), $"error: {Node}: WRONGPASS .+ {Login}"),
            (With(plain, sharing => sharing with { PasswordFile = PathOf("nothing") }), $"error: {Node}: {PathOf("nothing")}: No such file or directory"),
            (With(plain, static sharing => sharing with { User = "few" }),
                $"error: {Node}: .*(NOPERM|can't run this command).* \\(give the user all rights in "),
            (With(plain, static sharing => sharing with { Prefix = "foreign" }), $"error: {Node}: .+ \\(give the user all rights in .+shield_shared_prefix\\)"),
            (Options($"redis://{nobody}"), $"error: {nobody}: Connection refused \\(start it, "),
            (Options($"redis://127.0.0.1:{_tlsPort}"), $"error: 127.0.0.1:{_tlsPort}: it takes connections, and .+rediss://\\)"),
            (Options($"rediss://{Name}:{_tlsPort}", "other"), $"error: {Name}:{_tlsPort}: .+ certificate .+ \\(shield_shared_tls_CAfile has "),
            (Options($"rediss://127.0.0.1:{_tlsPort}", "ca"), $"error: 127.0.0.1:{_tlsPort}: .+ certificate .+ a name that is in it\\)")])
        {
            var problems = await RunAsync(options, cancellationToken);
            Assert.That(problems, Has.Length.EqualTo(1));
            Assert.That(problems[0], Does.Match("^" + problem));
        }
    }

    [Test]
    [Property("Sharing", "SHARE-16")]
    public async Task Run_Replica_IsAnErrorAndWithItsPrimaryANote(CancellationToken cancellationToken)
    {
        await using var primary = await RedisInstance.StartAsync(cancellationToken, "maxmemory 1gb");
        await using var replica = await RedisInstance.StartAsync(cancellationToken, $"replicaof 127.0.0.1 {primary.EndPoint.Port}");
        Assert.That(await RunAsync(Anonymous(replica.Address), cancellationToken), Is.EqualTo((string[])[
            $"error: {replica.EndPoint}: {replica.EndPoint} is a replica of {primary.EndPoint} (write the primary's address, or that of each node, joined by "
                + "+)"]));

        var nobody = $"127.0.0.1:{LoopbackPorts.Take()}";
        var problems = await RunAsync(Anonymous($"{replica.Address}+{primary.Address}+redis://{nobody}"), cancellationToken);
        Assert.That(problems, Has.None.StartsWith("error").And.One.StartsWith($"warning: {nobody}: Connection refused"));
        Assert.That(problems, Has.One.Match($"note: {replica.EndPoint} is Redis .+, a replica of {primary.EndPoint}")
            .And.One.Match($"note: {primary.EndPoint} is Redis .+, primary, ")
            .And.One.StartsWith($"warning: {primary.EndPoint}: maxmemory-policy noeviction: when it is full it takes no writes"));
    }

    private static ShieldOptions Anonymous(string store) => new() { Sharing = new() { Store = store } };

    private static ShieldOptions With(ShieldOptions options, Func<SharingOptions, SharingOptions> change) => options with { Sharing = change(options.Sharing) };

    private static ExchangeCall CallOf(string settings) => new()
    {
        Owner = settings[..3], Told = 0, Sequence = 1, Acknowledged = 0, SteppedEpoch = "", Epoch = "", NewEpoch = $"{1:x16}", Unit = TimeSpan.FromMinutes(1),
        Lease = TimeSpan.FromMinutes(5), Expiry = TimeSpan.FromMinutes(5), Cursor = 0, Settings = settings, Services = [], Reports = [],
    };

    private static async Task<string[]> RunAsync(ShieldOptions options, CancellationToken cancellationToken) =>
    [
        .. (await StoreProbe.RunAsync(options, cancellationToken)).Select(static problem =>
            $"{problem.Severity.ToString().ToLowerInvariant()}: {problem}".Replace("shared counters: shield_shared_store: ", "", StringComparison.Ordinal)),
    ];

    private ShieldOptions Options(string store, string? authorities = null) => new()
    {
        Sharing = new()
        {
            Store = store, User = "smtpshield", PasswordFile = PathOf("password"), CAFile = authorities is null ? "" : PathOf(authorities),
            Lease = TimeSpan.FromMinutes(5),
        },
    };

    private string PathOf(string file) => Path.Combine(_directory, file);
}
