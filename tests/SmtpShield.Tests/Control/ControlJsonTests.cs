using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Status;
using SmtpShield.Control.Tuning;
using SmtpShield.Control.Upstreams;

namespace SmtpShield.Tests.Control;

/// <summary>The contract: names, order and form of what the API answers. Within v1 fields are only added.</summary>
public sealed class ControlJsonTests
{
    private static readonly DateTimeOffset _time = new(2026, 11, 27, 23, 5, 25, 999, TimeSpan.FromHours(1));

    [Test]
    public void Upstream_WithAllThereIs_HasTheNamesOfTheContract() => Assert.That(
        Write(new UpstreamList(
            [
                new("smtp", "mta1:25", "up", 12)
                {
                    Kept = 3, Limit = 90, LimitInForce = 80, Waiting = 0, Weight = 1, GreetingMs = 3, Stress = 0, Since = _time, Reason = "",
                },
            ],
            Truncated: false,
            Attention: [])),
        Is.EqualTo("""{"upstreams":[{"service":"smtp","name":"mta1:25","state":"up","sessions":12,"kept":3,"limit":90,"limit_in_force":80,"waiting":0,"""
            + "\"weight\":1,\"greeting_ms\":3,\"stress\":0,\"since\":\"2026-11-27T22:05:25Z\",\"reason\":\"\"}],\"truncated\":false,\"attention\":[]}"));

    [Test]
    public void Upstream_WithWhatIsNotKnown_LeavesItOut() => Assert.That(
        Write(new UpstreamList([new("smtp", "mta1:25", "down", 0)], Truncated: true, ["x"])),
        Is.EqualTo("""{"upstreams":[{"service":"smtp","name":"mta1:25","state":"down","sessions":0}],"truncated":true,"attention":["x"]}"""));

    [Test]
    public void Status_InFull_IsReadAsItWasWritten()
    {
        var status = new ShieldStatus("1.2.3", 7, _time, 60, Draining: true, 3, [new("smtp", ["[::]:25"], 2, 100, Stress: true)],
            [new("smtp", "mta1:25", "up", 2)], Truncated: false, ["look"],
            new("/etc/smtpshield/main.cf", 2, _time, _time, Refused: true, NeedsRestart: false,
                [new("m", "r", "smtpd_timeout", "/etc/smtpshield/main.cf", 5, "error")], Truncated: false));
        var text = JsonSerializer.Serialize(status, ControlJson.Default.ShieldStatus);

        Assert.That(text, Does.StartWith("""{"version":"1.2.3","process":7,"started":"2026-11-27T22:05:25Z","uptime_s":60,"draining":true,"connections":3,"""));
        Assert.That(JsonSerializer.Serialize(JsonSerializer.Deserialize(text, ControlJson.Default.ShieldStatus)!, ControlJson.Default.ShieldStatus),
            Is.EqualTo(text));
    }

    [Test]
    [Property("Operations", "OPS-2")]
    public void Clients_WithAllThereIs_HaveTheNamesOfTheContract() => Assert.That(
        JsonSerializer.Serialize(
            new ClientList(
                [
                    new("smtp", "192.0.2.7", "limited", new(3, 63, 1, 2, 4, 5, 6, 7), 8)
                    {
                        Rule = "smtpd_client_connection_rate_limit", Count = 63, Limit = 60, Until = _time,
                    },
                ],
                Total: 9, Truncated: true),
            ControlJson.Default.ClientList),
        Is.EqualTo("""{"clients":[{"service":"smtp","client":"192.0.2.7","state":"limited","counts":{"open":3,"connections":63,"messages":1,"recipients":2,"""
            + "\"tls_sessions\":4,\"auths\":5,\"errors\":6,\"auth_failures\":7},\"refused\":8,\"rule\":\"smtpd_client_connection_rate_limit\",\"count\":63,"
            + "\"limit\":60,\"until\":\"2026-11-27T22:05:25Z\"}],\"total\":9,\"truncated\":true}"));

    [Test]
    [Property("Operations", "OPS-2")]
    public void Explanation_WithAllThereIs_HasTheNamesOfTheContract() => Assert.That(
        JsonSerializer.Serialize(
            new ClientExplanation("192.0.2.7", [
                new("smtp", "192.0.2.7", "exempt", new(0, 0, 0, 0, 0, 0, 0, 0), 60, Sliding: false,
                    [new("r", 5, 6, "connections", Refuses: true) { OverSince = _time, Until = _time, Ends = "when" }], KnownGood: true,
                    [new(_time, "error") { Rule = "r", Verb = "RCPT", Code = 550, Count = 1, Limit = 2 }], ["n"])
                {
                    Rule = "r", Until = _time, Since = _time, BanHits = 1, BanThreshold = 5, BanWindowS = 600,
                    Exempt = new("allow", "192.0.2.7") { Until = _time, By = "b", Why = "w" }, Refused = 3,
                    RefusedSince = _time,
                },
            ])
            {
                At = _time,
            },
            ControlJson.Default.ClientExplanation).Replace("2026-11-27T22:05:25Z", "T", StringComparison.Ordinal),
        Is.EqualTo("""{"address":"192.0.2.7","services":[{"service":"smtp","client":"192.0.2.7","state":"exempt","counts":{"open":0,"connections":0,"""
            + "\"messages\":0,\"recipients\":0,\"tls_sessions\":0,\"auths\":0,\"errors\":0,\"auth_failures\":0},\"window_s\":60,\"sliding\":false,"
            + "\"rules\":[{\"rule\":\"r\",\"limit\":5,\"count\":6,\"unit\":\"connections\",\"refuses\":true,\"over_since\":\"T\","
            + "\"until\":\"T\",\"ends\":\"when\"}],"
            + "\"known_good\":true,"
            + "\"events\":[{\"at\":\"T\",\"kind\":\"error\",\"rule\":\"r\",\"verb\":\"RCPT\",\"code\":550,\"count\":1,\"limit\":2}],"
            + "\"notes\":[\"n\"],\"rule\":\"r\",\"until\":\"T\",\"since\":\"T\","
            + "\"exempt\":{\"list\":\"allow\",\"element\":\"192.0.2.7\",\"until\":\"T\",\"by\":\"b\",\"why\":\"w\"},"
            + "\"ban_hits\":1,\"ban_threshold\":5,\"ban_window_s\":600,"
            + "\"refused\":3,\"refused_since\":\"T\"}],\"at\":\"T\"}"));

    [Test]
    [Property("Operations", "OPS-2")]
    public void Changes_WithAllThereIs_HaveTheNamesOfTheContract() => Assert.That(
        JsonSerializer.Serialize(
            new ChangeList(
                [new(5, _time, "uid 0 (root)", "allow", "192.0.2.7") { Before = "b", After = "a", Until = _time, Why = "w", Refused = "r" }], Truncated: false),
            ControlJson.Default.ChangeList),
        Is.EqualTo("""{"changes":[{"number":5,"at":"2026-11-27T22:05:25Z","by":"uid 0 (root)","action":"allow","target":"192.0.2.7","before":"b","""
            + "\"after\":\"a\",\"until\":\"2026-11-27T22:05:25Z\",\"why\":\"w\",\"refused\":\"r\"}],\"truncated\":false}"));

    [Test]
    [Property("Operations", "OPS-2")]
    public void Parameters_WithAllThereIs_HaveTheNamesOfTheContract() => Assert.That(
        JsonSerializer.Serialize(
            new ParameterList(9, "/etc/smtpshield/main.cf", [
                new("smtp", "smtpd_timeout", "5s", "runtime", Own: false, "time")
                {
                    StressValue = "1s", Unit = "seconds", Minimum = 1, Maximum = 9, HitsLastHour = 7, Until = _time, Configured = new("300s", "default"),
                    Overrides = [new("5s", _time, "uid 0 (root)") { Until = _time, Why = "w" }],
                },
            ],
            Truncated: false),
            ControlJson.Default.ParameterList).Replace("2026-11-27T22:05:25Z", "T", StringComparison.Ordinal),
        Is.EqualTo("""{"revision":9,"path":"/etc/smtpshield/main.cf","parameters":[{"service":"smtp","name":"smtpd_timeout","value":"5s","origin":"runtime","""
            + "\"own\":false,\"kind\":\"time\",\"stress_value\":\"1s\",\"unit\":\"seconds\",\"minimum\":1,\"maximum\":9,\"hits_1h\":7,"
            + "\"until\":\"T\","
            + "\"configured\":{\"value\":\"300s\",\"origin\":\"default\"},"
            + "\"overrides\":[{\"value\":\"5s\",\"since\":\"T\",\"by\":\"uid 0 (root)\",\"until\":\"T\",\"why\":\"w\"}]}],\"truncated\":false}"));

    [Test]
    [Property("Operations", "OPS-2")]
    public void ParameterChanges_WithAllThereIs_HaveTheNamesOfTheContract() => Assert.That(
        JsonSerializer.Serialize(
            new ParameterChanges(9, DryRun: true, [
                new("smtp", "r", "60", "5", "runtime", Own: false, Applies: true)
                {
                    Until = _time, Over = new(41, 2, [new("192.0.2.7", 63, Delivers: true)], Truncated: true),
                },
            ],
            ["n"])
            {
                At = _time,
            },
            ControlJson.Default.ParameterChanges),
        Is.EqualTo("""{"revision":9,"dry_run":true,"changes":[{"service":"smtp","name":"r","before":"60","after":"5","origin":"runtime","own":false,"""
            + "\"applies\":true,\"until\":\"2026-11-27T22:05:25Z\",\"over\":{\"clients\":41,\"deliver\":2,"
            + "\"named\":[{\"client\":\"192.0.2.7\",\"count\":63,\"delivers\":true}],\"truncated\":true}}],\"notes\":[\"n\"],"
            + "\"at\":\"2026-11-27T22:05:25Z\"}"));

    // A bidi override in a page reverses what is behind it, an escape sequence colours a terminal.
    [TestCase("\u202E\u001B[31m</script>\u0000\u2028", """\u202E\u001B[31m\u003C/script\u003E\u0000\u2028""")]
    public void Text_OfAnything_IsPrintableAscii(string reason, string expected) => Assert.That(
        Write(new UpstreamList([new("smtp", "a:25", "down", 0) { Reason = reason }], Truncated: false, [])), Does.Contain($"\"reason\":\"{expected}\""));

    [TestCase("{}")]
    [TestCase("""{"upstreams":null,"truncated":false,"attention":[]}""")]
    [TestCase("""{"upstreams":[{}],"truncated":false,"attention":[]}""")]
    [TestCase("<html>")]
    public void Answer_ThatIsNoShields_IsNotRead(string text) =>
        Assert.That(() => JsonSerializer.Deserialize(text, ControlJson.Default.UpstreamList), Throws.InstanceOf<JsonException>());

    // A newer shield says more.
    [Test]
    public void Answer_WithFurtherFields_IsRead() => Assert.That(
        JsonSerializer.Deserialize("""{"upstreams":[],"truncated":false,"attention":[],"more":1}""", ControlJson.Default.UpstreamList)!.Upstreams, Is.Empty);

    [TestCase("{}", null)]
    [TestCase("""{"why":"work"}""", "work")]
    public void Request_OfAChange_IsRead(string text, string? why) =>
        Assert.That(JsonSerializer.Deserialize(text, RequestJson.Default.ChangeRequest)!.Why, Is.EqualTo(why));

    private static string Write(UpstreamList list) => JsonSerializer.Serialize(list, ControlJson.Default.UpstreamList);
}
