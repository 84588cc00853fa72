using System.Net;
using System.Text;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Metrics;
using SmtpShield.Options;

namespace SmtpShield.Tests.Bans;

public sealed class BanRepliesTests
{
    private static readonly ClientIdentity _client = new(new(IPAddress.Parse("192.0.2.7"), 4711));

    [TestCase("smtpd_hard_error_limit", "Error: too many errors")]
    [TestCase("smtpd_forbidden_commands", "Error: I can break rules, too")]
    [TestCase("smtpd_forbid_unauth_pipelining", "Error: SMTP protocol synchronization")]
    [TestCase("shield_client_error_rate_limit", "Error: too many errors from 192.0.2.7")]
    [TestCase("shield_client_auth_failure_rate_limit", "Error: too many authentication failures from 192.0.2.7")]
    [TestCase("smtpd_client_message_rate_limit", "Error: too much mail from 192.0.2.7")]
    [TestCase("smtpd_client_new_tls_session_rate_limit", "Error: too many new TLS sessions from unknown[192.0.2.7]")]
    [TestCase("ban", "Error: access denied to 192.0.2.7")]
    public void Of_EachRule_Is421InItsWords(string rule, string words) =>
        Assert.That(Encoding.ASCII.GetString(BanReplies.Of(rule, "mx.example.com", _client).Octets.Span), Is.EqualTo($"421 4.7.0 mx.example.com {words}\r\n"));

    [Test]
    public void KnownRules_AreThoseOfTheMetricsThatRefuse() => Assert.That(BanOptions.KnownRules, Is.EquivalentTo(LimitRules.All.Except([
        LimitRules.SoftErrors, LimitRules.Recipients,
        // Whom they hit is slow or sloppy, which is no offence.
        LimitRules.JunkCommands, LimitRules.Helo, LimitRules.SessionTime, LimitRules.RequestDeadline, LimitRules.DataRate, LimitRules.Timeout,
        LimitRules.LineDeadline, LimitRules.HandshakeTimeout,
    ])));
}
