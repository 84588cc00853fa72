using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.Tests.Shadow;

namespace SmtpShield.Tests.Session;

/// <summary>
/// Limits in shadow, each by a session that it would hit: nothing that the client, the MTA or a clock can see is other than with the limit off, and what is
/// written down is what the limit does when it is enforced.
/// </summary>
public class ShadowSessionTests
{
    private const string Login = "AUTH PLAIN AGEAYg==\r\n";
    private const string Mail = "MAIL FROM:<a@c.example>\r\n";
    private const string Message = Mail + "RCPT TO:<good@y.example>\r\nDATA\r\n";
    private const string End = "Subject: x\r\n\r\nx\r\n.\r\n";

    private static readonly ShieldOptions _base = new()
    {
        Smtpd = new() { MyHostname = "mx", ForbidUnauthPipelining = false },
        Anvil = new() { RateTimeUnit = TimeSpan.FromSeconds(600) },
        Limits = new() { ErrorSleepTime = TimeSpan.FromSeconds(1), SoftErrorLimit = int.MaxValue, HardErrorLimit = int.MaxValue,
            JunkCommandLimit = int.MaxValue, ClientConnectionCountLimit = 0 },
    };

    private static readonly (string Rule, object Value)[] _rules =
    [
        ("smtpd_client_message_rate_limit", 1),
        ("smtpd_client_recipient_rate_limit", 3),
        ("smtpd_client_auth_rate_limit", 1),
        ("shield_client_error_rate_limit", 2),
        ("shield_client_auth_failure_rate_limit", 1),
        ("smtpd_soft_error_limit", 2),
        ("smtpd_hard_error_limit", 3),
        ("smtpd_junk_command_limit", 2),
        ("smtpd_recipient_limit", 1),
        ("smtpd_forbid_unauth_pipelining", true),
        ("smtpd_helo_required", true),
    ];

    private static readonly (string Rule, object Value)[] _waits =
    [
        ("shield_session_time_limit", TimeSpan.FromSeconds(300)),
        ("smtpd_per_request_deadline", true),
        ("smtpd_min_data_rate", 100),
    ];

    private static IEnumerable<TestCaseData> Rules =>
        _rules.Select(static rule => new TestCaseData(rule.Rule, rule.Value));

    private static IEnumerable<TestCaseData> AllRules =>
        _rules.Concat(_waits).Append(("smtpd_forbidden_commands", ForbiddenCommandsParser.Parse("NONSENSE")))
            .Select(static rule => new TestCaseData(rule.Rule, rule.Value));

    [TestCaseSource(nameof(AllRules))]
    [Property("Operations", "OPS-14")]
    public async Task Session_RuleInShadow_CannotBeToldFromRuleOff(string rule, object value)
    {
        await using var off = Play(TestShadow.Off(_base, rule), rule);
        await using var shadow = Play(TestShadow.InShadow(TestShadow.Set(_base, rule, value), rule), rule);
        Assert.That(shadow.Seen, Is.EqualTo(off.Seen).AsCollection);
        Assert.That(shadow.Lines, Is.EqualTo(off.Lines).AsCollection);
        Assert.That(shadow.Hits(rule, "shadow"), Is.Positive, "the traffic does not hit it");
        Assert.That(shadow.Hits(rule, "enforced"), Is.Zero);
    }

    [TestCaseSource(nameof(AllRules))]
    [Property("Operations", "OPS-14")]
    public async Task Session_ValueBesideTheOneInForce_CannotBeToldFromWithout(string rule, object value)
    {
        await using var plain = Play(TestShadow.Off(_base, rule), rule);
        await using var shadow = Play(TestShadow.Beside(TestShadow.Off(_base, rule), rule, value), rule);
        Assert.That(shadow.Seen, Is.EqualTo(plain.Seen).AsCollection);
        Assert.That(shadow.Hits(rule, "shadow"), Is.Positive, "the traffic does not hit it");
    }

    [Test]
    [Property("Operations", "OPS-14")]
    public async Task Session_AllInShadow_CannotBeToldFromAllOff()
    {
        var off = _rules.Concat(_waits).Aggregate(_base, static (all, rule) => TestShadow.Off(all, rule.Rule));
        var on = _rules.Concat(_waits).Aggregate(_base, static (all, rule) => TestShadow.Set(all, rule.Rule, rule.Value));
        foreach (var (rule, _) in _rules.Concat(_waits))
        {
            await using var plain = Play(off, rule);
            await using var shadow = Play(TestShadow.InShadow(on, [.. _rules.Concat(_waits).Select(static one => one.Rule)]), rule);
            Assert.That(shadow.Seen, Is.EqualTo(plain.Seen).AsCollection, rule);
        }
    }

    /// <summary>S1: the first hit of a session is exact. It comes at the same step, and says the same.</summary>
    [TestCaseSource(nameof(Rules))]
    [Property("Operations", "OPS-15")]
    public async Task Session_EnforcedAndInShadow_FirstHitIsTheSame(string rule, object value)
    {
        await using var enforced = new ShadowTraffic(TestShadow.Set(_base, rule, value));
        await using var shadow = new ShadowTraffic(TestShadow.InShadow(TestShadow.Set(_base, rule, value), rule));
        var (first, firstInShadow) = (FirstHit(enforced, rule, "enforced"), FirstHit(shadow, rule, "shadow"));

        Assert.That(firstInShadow, Is.EqualTo(first).And.Not.Negative);
        var lines = shadow.ShadowLines.Where(static line => line.Contains("exceeded", StringComparison.Ordinal)).Take(1).ToList();
        var own = enforced.Lines.Where(static line => line.Contains("exceeded", StringComparison.Ordinal)).Take(1).ToList();
        Assert.That(lines, Is.EqualTo(own.Select(static line =>
            line.Replace(" exceeded:", " exceeded (shadow):", StringComparison.Ordinal))).AsCollection);
    }

    /// <summary>Who stays below is hit by neither.</summary>
    [TestCaseSource(nameof(Rules))]
    [Property("Operations", "OPS-15")]
    public async Task Session_BelowTheLimit_IsHitByNeither(string rule, object value)
    {
        foreach (var options in new[] { TestShadow.Set(_base, rule, value), TestShadow.InShadow(TestShadow.Set(_base, rule, value), rule) })
        {
            await using var traffic = new ShadowTraffic(options).Greet();
            traffic.Send("EHLO c\r\n").Send(Message).Send(End).Send("QUIT\r\n");
            Assert.That(traffic.Hits(rule, "enforced") + traffic.Hits(rule, "shadow"), Is.Zero);
        }
    }

    /// <summary>S2: behind a would-be end hits count under no rule, and are not logged; enforced limits still act.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Session_WouldBeOver_IsAGhostFromThereOn()
    {
        var options = TestShadow.InShadow(
            _base with { Limits = _base.Limits with { HardErrorLimit = 2, ClientMessageRateLimit = 1, ClientAuthRateLimit = 1 } },
            "smtpd_hard_error_limit", "smtpd_client_message_rate_limit");
        await using var traffic = new ShadowTraffic(options).Greet();
        traffic.Send("EHLO c\r\n").Send("RCPT TO:<a@y>\r\n").Send("NONSENSE\r\n");
        traffic.Send("RCPT TO:<a@y>\r\n").Send("NONSENSE\r\n").Send("NONSENSE\r\n").Send(Mail).Send("RSET\r\n").Send(Mail).Send("RSET\r\n").Send(Mail);
        traffic.Send("RSET\r\n").Send(Login).Send(Login);

        Assert.That((traffic.Hits("smtpd_hard_error_limit", "shadow"), traffic.Hits("smtpd_client_message_rate_limit", "shadow")), Is.EqualTo((1.0, 0.0)));
        Assert.That(traffic.Book.Summarize(1).After, Is.EqualTo(2));
        Assert.That(traffic.ShadowLines, Is.EqualTo(new[] { "too many errors (shadow) after NONSENSE from unknown[192.0.2.7]" }).AsCollection.Or
            .EqualTo(new[] { "too many errors (shadow) after UNKNOWN from unknown[192.0.2.7]" }).AsCollection);
        Assert.That(traffic.Seen[^1], Does.Contain("450 4.7.1 Error: too many AUTH commands"), "what is enforced acts on a ghost");
    }

    /// <summary>S3: what a limit in shadow would have refused is an error of the shadow's count only.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Errors_WouldBeRefusals_CountInShadowOnly()
    {
        var options = TestShadow.InShadow(
            _base with { Limits = _base.Limits with { HardErrorLimit = 3, ClientMessageRateLimit = 1 } }, "smtpd_client_message_rate_limit");
        await using var enforced = new ShadowTraffic(options).Greet();
        await using var shadow = new ShadowTraffic(TestShadow.InShadow(
            _base with { Limits = _base.Limits with { HardErrorLimit = 3, ClientMessageRateLimit = 1 } },
            "smtpd_client_message_rate_limit", "smtpd_hard_error_limit")).Greet();
        foreach (var traffic in new[] { enforced, shadow })
        {
            traffic.Send("EHLO c\r\n");
            for (var i = 0; i < 4; i++)
                traffic.Send(Mail).Send("RSET\r\n");
            Assert.That(traffic.HasEnded, Is.False);
        }

        Assert.That((enforced.Hits("smtpd_hard_error_limit", "enforced"), shadow.Hits("smtpd_hard_error_limit", "shadow")), Is.EqualTo((0.0, 1.0)));
    }

    /// <summary>S3: an accepted message resets both.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Errors_MessageIsAccepted_BeginAnewInShadowToo()
    {
        await using var traffic = new ShadowTraffic(TestShadow.InShadow(TestShadow.Set(_base, "smtpd_hard_error_limit", 3), "smtpd_hard_error_limit")).Greet();
        traffic.Send("EHLO c\r\n").Send("NONSENSE\r\n").Send("NONSENSE\r\n").Send(Message).Send(End).Send("NONSENSE\r\n").Send("NONSENSE\r\n");
        Assert.That(traffic.Hits("smtpd_hard_error_limit", "shadow"), Is.Zero);
        traffic.Send("NONSENSE\r\n");
        Assert.That(traffic.Hits("smtpd_hard_error_limit", "shadow"), Is.EqualTo(1));
    }

    /// <summary>S4: a soft limit adds what its delays would have come to; mail behind a would-be end is mail after a hit.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Delays_WouldBe_AreAddedUpAndMailBehindAHitIsCounted()
    {
        var options = TestShadow.InShadow(
            _base with { Limits = _base.Limits with { SoftErrorLimit = 1, HardErrorLimit = 3 } }, "smtpd_soft_error_limit", "smtpd_hard_error_limit");
        await using var traffic = new ShadowTraffic(options).Greet();
        traffic.Send("EHLO c\r\n").Send("NONSENSE\r\n").Send("NONSENSE\r\n").Send("NOOP\r\n").Send("NONSENSE\r\n").Send("NOOP\r\n");
        Assert.That(traffic.Book.Summarize(1).Delay, Is.EqualTo(TimeSpan.FromSeconds(3)));

        traffic.Send(Message).Send(End);
        Assert.That(TestShadow.Of(traffic.Book, "smtpd_hard_error_limit").MessagesAfter, Is.EqualTo(1));
        Assert.That(traffic.Book.Summarize(1).Candidates.Select(static one => one.MessagesAfter), Does.Contain(1));
    }

    /// <summary>S5: what is enforced of the two error limits acts as ever.</summary>
    [TestCase("smtpd_hard_error_limit", false)]
    [TestCase("smtpd_soft_error_limit", true)]
    [Property("Operations", "OPS-16")]
    public async Task Errors_OneOfTwoLimitsInShadow_TheOtherActs(string inShadow, bool ends)
    {
        var options = TestShadow.InShadow(_base with { Limits = _base.Limits with { SoftErrorLimit = 1, HardErrorLimit = 3 } }, inShadow);
        await using var traffic = new ShadowTraffic(options).Greet();
        traffic.Send("EHLO c\r\n");
        for (var i = 0; i < 5; i++)
            traffic.Send("NONSENSE\r\n").Wait(1);
        Assert.That((traffic.HasEnded, traffic.Hits("smtpd_soft_error_limit", ends ? "shadow" : "enforced")), Is.EqualTo((ends, 1.0)));
        Assert.That(traffic.Hits("smtpd_hard_error_limit", ends ? "enforced" : "shadow"), Is.EqualTo(1));
    }

    /// <summary>A message whose MAIL would have got 450 is mail after a hit, and the next one is not.</summary>
    [Test]
    [Property("Operations", "OPS-16")]
    public async Task Message_BehindAWouldBe450_IsMailAfterAHit()
    {
        await using var traffic = new ShadowTraffic(TestShadow.Beside(_base, "smtpd_client_message_rate_limit", 1)).Greet();
        traffic.Send("EHLO c\r\n").Send(Message).Send(End);
        Assert.That(TestShadow.Of(traffic.Book, "smtpd_client_message_rate_limit").MessagesAfter, Is.Zero);
        traffic.Send(Message).Send(End);
        Assert.That(TestShadow.Of(traffic.Book, "smtpd_client_message_rate_limit").MessagesAfter, Is.EqualTo(1));
    }

    /// <summary>What ends a session whatever the list says is no hit of the list where that is in shadow: neither there nor of who is banned for it.</summary>
    [TestCase("PUT / HTTP/1.1\r\n")]
    [TestCase("Subject: x\r\n")]
    [Property("Operations", "OPS-15")]
    public async Task NotSmtp_ListInShadow_EndsTheSessionAndIsNoHit(string line)
    {
        var set = TestShadow.Set(_base, "smtpd_forbidden_commands", ForbiddenCommandsParser.Parse("CONNECT GET POST regexp:{{/^sub/ Bogus}}"));
        await using var enforced = new ShadowTraffic(set).Greet().Send(line);
        await using var shadow = new ShadowTraffic(TestShadow.InShadow(set, "smtpd_forbidden_commands")).Greet().Send(line);
        Assert.That((enforced.HasEnded, shadow.HasEnded), Is.EqualTo((true, true)));
        Assert.That((enforced.Hits("smtpd_forbidden_commands", "enforced"), shadow.Hits("smtpd_forbidden_commands", "enforced"),
            shadow.Hits("smtpd_forbidden_commands", "shadow")), Is.EqualTo((1.0, 0.0, 0.0)));
        Assert.That((enforced.ForbiddenCommands, shadow.ForbiddenCommands), Is.EqualTo((1, 0)));
    }

    [Test]
    public async Task Helo_IsRequiredAndMissing_IsOneHit()
    {
        await using var traffic = new ShadowTraffic(TestShadow.Set(_base, "smtpd_helo_required", true)).Greet().Send(Mail);
        Assert.That(traffic.Hits("smtpd_helo_required", "enforced"), Is.EqualTo(1));
    }

    private static int FirstHit(ShadowTraffic traffic, string rule, string mode)
    {
        traffic.Greet();
        foreach (var (index, step) in Steps(rule).Index())
        {
            traffic.Send(step);
            if (mode == "enforced" && rule == "smtpd_soft_error_limit")
                traffic.Wait(1);
            if (traffic.Hits(rule, mode) > 0)
                return index;
        }

        return -1;
    }

    private static ShadowTraffic Play(ShieldOptions options, string rule)
    {
        var traffic = new ShadowTraffic(options).Greet();
        switch (rule)
        {
            case "shield_session_time_limit":
                return traffic.Send("EHLO c\r\n").Wait(200).Send("NOOP\r\n").Wait(200).Send("NOOP\r\n").Send("QUIT\r\n");
            case "smtpd_per_request_deadline":
                return traffic.Send("EHLO c\r\n").Wait(280).Send("NO").Wait(30).Send("OP\r\n").Send("QUIT\r\n");
            case "smtpd_min_data_rate":
                traffic.Send("EHLO c\r\n").Send(Message);
                for (var i = 0; i < 5; i++)
                    traffic.Wait(200).Send(new string('x', 300) + "\r\n");
                return traffic.Send(".\r\n").Send("QUIT\r\n");
            default:
                foreach (var step in Steps(rule))
                    traffic.Send(step).Wait(1);
                return traffic;
        }
    }

    private static IEnumerable<string> Steps(string rule) => rule switch
    {
        "smtpd_helo_required" => [Mail, "RSET\r\n", Login, "EHLO c\r\n", Message, End, "QUIT\r\n"],
        "smtpd_forbid_unauth_pipelining" => ["EHLO c\r\nNOOP\r\n", Message, End, "NOOP\r\nNOOP\r\n", "QUIT\r\n"],
        _ =>
        [
            "EHLO c\r\n", Login, "NONSENSE\r\n", Login, Login, Message, End, "NOOP\r\n", "NOOP\r\n", "NOOP\r\n", "VRFY a\r\n",
            Mail + "RCPT TO:<nobody@y>\r\nRCPT TO:<good@y>\r\nRCPT TO:<good2@y>\r\nRSET\r\n" + Mail + "RCPT TO:<good@y>\r\n",
            "RCPT TO:<nobody@y>\r\nRCPT TO:<nobody@y>\r\nRCPT TO:<nobody@y>\r\n", "DATA\r\n", End, Mail, "NOOP\r\n", "NONSENSE\r\n", "NONSENSE\r\n",
            "NONSENSE\r\n", "QUIT\r\n",
        ],
    };
}
