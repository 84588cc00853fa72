using System.Text.Json;
using SmtpShield.Control;

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
