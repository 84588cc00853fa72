using System.Net;
using System.Text.Json;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>GET /v1/clients against a reference that sorts everything.</summary>
[Platform("Linux"), CancelAfter(120_000)]
[Property("Operations", "OPS-6")]
internal sealed class ClientListTests
{
    private const int Clients = 400;

    private static readonly string[] s_sorts =
        ["nearness", "open", "connections", "messages", "recipients", "tls_sessions", "auths", "errors", "auth_failures", "refused"];

    private static readonly string[] s_states = ["unknown", "free", "near", "limited", "exempt"];

    private readonly FakeTimeProvider _time = new();
    private string _directory = "";
    private ScriptedMta _mta = null!;
    private ShieldUnderTest _shield = null!;

    private string Place => Path.Combine(_directory, "control.sock");

    [SetUp]
    public async Task StartAsync()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-list-").FullName;
        _mta = new();
        var smtp = ShieldUnderTest.Before(_mta) with
        {
            Limits = new()
            {
                ClientConnectionCountLimit = 9, ClientConnectionRateLimit = 30, ClientMessageRateLimit = 20, ClientErrorRateLimit = 5,
                ClientEventLimitExceptions = AddressPatternList.Parse("10.0.0.7 10.0.1.0/28"),
            },
        };
        var submission = smtp with { Limits = new() { ClientConnectionCountLimit = 0, ClientAuthFailureRateLimit = 3, ClientRecipientRateLimit = 40 } };
        _shield = await ShieldUnderTest.StartAsync(
            smtp with
            {
                Control = new() { Socket = Place },
                Service = new() { Names = ["smtp", "submission"] },
                Services = new Dictionary<string, ShieldOptions> { ["smtp"] = smtp, ["submission"] = submission },
            },
            CancellationToken.None, _time);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _shield.DisposeAsync();
        await _mta.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task List_OfRandomTables_IsTheReferences([Range(1, 3)] int seed, CancellationToken cancellationToken)
    {
        var keys = Fill(new Random(seed));
        foreach (var sort in s_sorts)
        {
            foreach (var (service, state, prefix, limit) in Queries())
            {
                var query = $"?sort={sort}&limit={limit}" + (service is null ? "" : $"&service={service}") + (state is null ? "" : $"&state={state}")
                    + (prefix is null ? "" : $"&prefix={prefix}");
                var (status, body) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/clients" + query, cancellationToken);
                Assert.That(status, Is.EqualTo(200), body);
                var answer = JsonDocument.Parse(body).RootElement;

                var expected = keys.Select(ReferenceOf).Where(one => (sort == "refused" ? one.Refused > 0 : one.HasRecord)
                        && (service is null || one.Key.Service == service) && (state is null || one.State == state)
                        && (prefix is null || IsIn(one.Key.Client, prefix)))
                    .OrderByDescending(one => one.Values[sort]).ThenByDescending(static one => one.Key.Client.IsIPv4).ThenBy(static one => one.Key.Client.Bits)
                    .ThenBy(static one => one.Key.Service, StringComparer.Ordinal).ToList();
                Assert.That(
                    answer.GetProperty("clients").EnumerateArray().Select(static row =>
                        $"{row.GetProperty("service").GetString()}:{row.GetProperty("client").GetString()} {row.GetProperty("state").GetString()}"),
                    Is.EqualTo(expected.Take(limit).Select(static one => $"{one.Key} {one.State}")).AsCollection, query);
                Assert.That((answer.GetProperty("total").GetInt64(), answer.GetProperty("truncated").GetBoolean()),
                    Is.EqualTo(((long)expected.Count, expected.Count > limit)), query);
            }
        }
    }

    [Test]
    public async Task List_OfNobody_IsEmpty(CancellationToken cancellationToken) => Assert.That(
        await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/clients", cancellationToken), Is.EqualTo(
            (200, "{\"clients\":[],\"total\":0,\"truncated\":false}\n")));

    // A list that two see is the same within a second; what was changed is seen at once.
    [Test]
    public async Task List_BehindARelease_IsNotFromBefore(CancellationToken cancellationToken)
    {
        Fill(new Random(1));
        var (_, before) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/clients?state=limited&limit=1", cancellationToken);
        var first = JsonDocument.Parse(before).RootElement.GetProperty("clients")[0].GetProperty("client").GetString()!;

        await ControlHttp.AskAsync(Place, HttpMethod.Post, $"/v1/clients/{Uri.EscapeDataString(first.Split('/')[0])}/release", cancellationToken, "{}");

        var (_, after) = await ControlHttp.AskAsync(Place, HttpMethod.Get, "/v1/clients?state=limited&limit=1", cancellationToken);
        Assert.That(JsonDocument.Parse(after).RootElement.GetProperty("total").GetInt64(),
            Is.LessThan(JsonDocument.Parse(before).RootElement.GetProperty("total").GetInt64()));
    }

    private static IEnumerable<(string? Service, string? State, string? Prefix, int Limit)> Queries()
    {
        foreach (var limit in (int[])[1, 7, 1000])
            yield return (null, null, null, limit);
        foreach (var state in s_states)
            yield return (null, state, null, 20);
        yield return ("submission", null, null, 20);
        yield return ("smtp", "limited", null, 1000);
        yield return (null, null, "10.0.1.0/24", 1000);
        yield return (null, null, "2001:db8::/32", 10);
    }

    private static bool IsIn(ClientRange client, string prefix)
    {
        var parts = prefix.Split('/');
        var length = int.Parse(parts[1], null);
        var network = ClientRange.Of(IPAddress.Parse(parts[0]), length, length);
        return network.IsIPv4 == client.IsIPv4 && client.PrefixLength >= length
            && IPNetwork.Parse(prefix).Contains(IPAddress.Parse($"{client}".Split('/')[0]));
    }

    private List<AnvilKey> Fill(Random random)
    {
        var keys = new List<AnvilKey>();
        for (var i = 0; i < Clients; i++)
        {
            var address = i % 4 == 0 ? IPAddress.Parse($"2001:db8:{i:x}::1") : new IPAddress([10, 0, (byte)(i % 3), (byte)i]);
            var key = new AnvilKey(random.Next(3) == 0 ? "submission" : "smtp", ClientRange.Of(address, 32, 64));
            if (!keys.Contains(key))
                keys.Add(key);
            var counter = new ClientCounter(_shield.Anvil, key);
            for (var n = random.Next(0, 40); n >= 0; n--)
                _shield.Anvil.Connect(key);
            for (var n = random.Next(0, 40); n > 0; n--)
                _shield.Anvil.Disconnect(key);
            foreach (var kind in Enum.GetValues<AnvilEvent>())
            {
                for (var n = random.Next(4) == 0 ? random.Next(0, 25) : 0; n > 0; n--)
                    counter.Count(kind);
            }

            for (var n = random.Next(3) == 0 ? random.Next(0, 5) : 0; n > 0; n--)
                counter.NoteHandshakesLeft(n);
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(0, 500)));
            // Some have no record any more.
            if (i == Clients / 2)
                _time.Advance(TimeSpan.FromSeconds(61));
        }

        // Answers are shared for a second.
        _time.Advance(TimeSpan.FromSeconds(2));
        return keys;
    }

    private Reference ReferenceOf(AnvilKey key)
    {
        var counts = _shield.Anvil.Peek(key);
        var limits = _shield.Snapshot.Current.Of(key.Service).Limits;
        (int Count, int Limit, int Plus)[] rules =
        [
            (counts.ConnectionCount, limits.ClientConnectionCountLimit, 1),
            (counts.ConnectionRate, limits.ClientConnectionRateLimit, 1),
            (counts.Of(AnvilEvent.Message), limits.ClientMessageRateLimit, 1),
            (counts.Of(AnvilEvent.Recipient), limits.ClientRecipientRateLimit, 1),
            (counts.Of(AnvilEvent.Error), limits.ClientErrorRateLimit, 0),
            (counts.Of(AnvilEvent.AuthFailure), limits.ClientAuthFailureRateLimit, 0),
        ];
        var on = rules.Where(static rule => rule.Limit > 0).ToList();
        var hasRecord = _shield.Anvil.Look(key) is not null;
        var isExempt = key.Client.IsAddress && limits.ClientEventLimitExceptions.Matches(key.Client.Address, "unknown");
        var state = isExempt ? "exempt" : !hasRecord ? "unknown"
            : on.Exists(static rule => rule.Count + rule.Plus > rule.Limit) ? "limited"
            : on.Exists(static rule => rule.Count >= 0.8m * rule.Limit) ? "near" : "free";
        var refused = _shield.Anvil.History.RefusedTo(key);
        return new(key, state, hasRecord, refused, new()
        {
            ["nearness"] = on.Select(static rule => (double)rule.Count / rule.Limit).DefaultIfEmpty(0).Max(),
            ["open"] = counts.ConnectionCount,
            ["connections"] = counts.ConnectionRate,
            ["messages"] = counts.Of(AnvilEvent.Message),
            ["recipients"] = counts.Of(AnvilEvent.Recipient),
            ["tls_sessions"] = counts.Of(AnvilEvent.NewTlsSession),
            ["auths"] = counts.Of(AnvilEvent.Auth),
            ["errors"] = counts.Of(AnvilEvent.Error),
            ["auth_failures"] = counts.Of(AnvilEvent.AuthFailure),
            ["refused"] = refused,
        });
    }

    private sealed record Reference(AnvilKey Key, string State, bool HasRecord, int Refused, Dictionary<string, double> Values);
}
