using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

/// <summary>Events as lines: each topic's, and those of a newer shield.</summary>
public sealed class WatchCommandTests
{
    [TestCase("limited", """{"at":"2026-11-29T01:34:04Z","service":"smtp","client":"192.0.2.7","kind":"limit","rule":"smtpd_client_connection_rate_lim"""
        + """it","code":421,"count":63,"limit":60}""",
        "limited  smtp  192.0.2.7  smtpd_client_connection_rate_limit  63 of 60  421")]
    [TestCase("limited", """{"at":"2026-11-29T01:34:04Z","more":41}""", "limited  and 41 more")]
    [TestCase("released", """{"at":"2026-11-29T01:34:04Z","service":"smtp","client":"192.0.2.7","kind":"released"}""", "released  smtp  192.0.2.7")]
    [TestCase("ban", """{"prefix":"192.0.2.7","state":"active","until":"2026-11-29T01:44:04Z","level":1,"at":"2026-11-29T01:34:04Z","since":"2026-11-29T01"""
        + """:34:04Z","origin":"auto","rule":"smtpd_hard_error_limit","hits":5,"refused":0}""",
        "ban  192.0.2.7  until 2026-11-29T01:44:04Z  smtpd_hard_error_limit, 5 hits")]
    [TestCase("unban", """{"prefix":"192.0.2.0/24","state":"lifted","until":"2026-11-29T01:44:04Z","level":0,"at":"2026-11-29T01:34:04Z","origin":"manual","""
        + """ "refused":12,"by":"uid 0","why":"noise"}""",
        "unban  192.0.2.0/24  lifted  uid 0: noise  12 refused")]
    [TestCase("change", """{"number":3,"at":"2026-11-29T01:34:04Z","by":"uid 1000 (alice)","action":"drain","target":"mta1:25","before":"up","afte"""
        + """r":"drain"}""",
        "change  drain  mta1:25  uid 1000 (alice): up -> drain")]
    [TestCase("upstream", """{"at":"2026-11-29T01:34:04Z","service":"smtp","name":"mta1:25","state":"down","was":"up","reason":"Connection refused"}""",
        "upstream  smtp  mta1:25  up -> down: Connection refused")]
    [TestCase("upstream", """{"at":"2026-11-29T01:34:04Z","service":"smtp","name":"mta2:25","state":"up"}""", "upstream  smtp  mta2:25  up")]
    [TestCase("stress", """{"at":"2026-11-29T01:34:04Z","service":"smtp","stress":true}""", "stress  smtp  on")]
    [TestCase("log", """{"at":"2026-11-29T01:34:04Z","id":1200,"level":"warning","process":"smtpd","text":"too much"}""", "log  smtpd: warning: too much")]
    [TestCase("stats", """{"at":"2026-11-29T01:34:04Z","values":{"sessions":14,"messages_accepted":18.2}}""", "stats  sessions=14  messages_accepted=18.2")]
    [TestCase("eclipse", """{"at":"2026-11-29T01:34:04Z","sun":0}""", """eclipse  {"at":"2026-11-29T01:34:04Z","sun":0}""")]
    public void LineOf_AnEvent_SaysWhatHappened(string topic, string json, string expected) => Assert.That(
        WatchCommand.LineOf(topic, json, new PlainOutput(TextWriter.Null, TimeZoneInfo.Utc)), Is.EqualTo($"2026-11-29T01:34:04Z  {expected}"));

    [TestCase("""{"service":"smtp"}""", ExpectedResult = true)]
    [TestCase("""{"service":"submission"}""", ExpectedResult = false)]
    [TestCase("""{"prefix":"192.0.2.7"}""", ExpectedResult = true)]
    [Property("Operations", "OPS-8")]
    public bool IsOf_AnEvent_IsThatServicesOrNones(string json) => WatchCommand.IsOf(json, "smtp");
}
