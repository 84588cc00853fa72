using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Tuning;
using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

/// <summary>What <c>explain</c>, <c>release</c> and <c>limits set</c> make of an answer, octet by octet.</summary>
[Property("Operations", "OPS-4")]
public sealed class ClientCommandsTests
{
    private const string Rate = "smtpd_client_connection_rate_limit";

    private static readonly DateTimeOffset _now = At("2026-11-28T03:16:48Z");

    private static readonly ClientAtService _limited = new(
        "smtp", "192.0.2.7", "limited", new(3, 203, 12, 0, 0, 0, 0, 0), 600, Sliding: false,
        [
            new(Rate, 60, 203, "connections", Refuses: true)
            {
                Origin = "main.cf:14", OverSince = At("2026-11-28T03:12:41Z"), Until = At("2026-11-28T03:22:02Z"),
            },
        ],
        KnownGood: true,
        [
            new(_now, "limit") { Rule = Rate, Code = 421, Count = 203, Limit = 60 },
            new(At("2026-11-27T22:58:12Z"), "error") { Verb = "RCPT", Code = 550, Count = 1 },
        ],
        [])
    {
        Rule = Rate, Until = At("2026-11-28T03:22:02Z"), Since = At("2026-11-28T03:12:01Z"), BanHits = 2, BanThreshold = 5, BanWindowS = 600,
        Refused = 143, RefusedSince = At("2026-11-28T03:12:41Z"), Refusals = [new(Rate, 143)], Accepted = new(12, At("2026-11-28T02:58:10Z")),
    };

    [Test]
    public void Explain_OfALimitedClient_IsThisOctetByOctet() => Assert.That(Explained(_limited, "mail.example.net"), Is.EqualTo($"""
        192.0.2.7  mail.example.net  smtp  LIMITED until 03:22:02 if it sends nothing more
          rule      smtpd_client_connection_rate_limit = 60 (main.cf:14)
          counted   203 connections since 03:12:01 in a window of 600s; over the limit since 03:12:41
          as        192.0.2.7/32 (smtpd_client_ipv4_prefix_length)
          refused   143 times since 03:12:41: 143 by smtpd_client_connection_rate_limit
          exempt no   shadow no   ban no (2 of 5 hits in 600s)
          accepted  12 messages, the last at 02:58:10: it delivers mail here
          last      03:16:48  421 smtpd_client_connection_rate_limit  203 of 60
                    2026-11-27T22:58:12  550 to RCPT from the MTA, error 1 of its session
          now       smtpshield release 192.0.2.7   (or: smtpshield allow 192.0.2.7 --for 1d)

        """));

    // What is so has its line, and the others stay together. A rate that would let it in earlier or later than what else refuses it says when.
    [Test]
    public void Explain_OfOneThatMustCloseAConnectionFirst_SaysWhichAndUntilWhenTheOther()
    {
        var at = _limited with
        {
            Client = "2001:db8::/64",
            Rules =
            [
                new("smtpd_client_connection_count_limit", 50, 51, "connections open", Refuses: true) { Ends = "when 2 of its 51 connections end" },
                .. _limited.Rules,
            ],
            Until = null,
            Shadow = [new(Rate, "5", Refuses: true, Hits: 1, Windows: 1, MessagesAfter: 0) { Until = At("2026-11-28T03:22:02Z"), LastAt = _now }],
            BanHits = null,
            BanThreshold = null,
            BanWindowS = null,
        };
        Assert.That(Explained(at), Does.StartWith($"""
            192.0.2.7  smtp  LIMITED until 2 of its 51 connections end
              rule      smtpd_client_connection_count_limit = 50
              counted   51 connections open; the next is refused until 2 of its 51 connections end
              rule      smtpd_client_connection_rate_limit = 60 (main.cf:14)
              counted   203 connections since 03:12:01 in a window of 600s; over the limit since 03:12:41, until 03:22:02
              as        2001:db8::/64 (smtpd_client_ipv6_prefix_length)
              refused   143 times since 03:12:41: 143 by smtpd_client_connection_rate_limit
              shadow    smtpd_client_connection_rate_limit = 5: hit once, in 1 window, the last at 03:16:48; the next would be refused until 03:22:02
              exempt no   ban no
            """));
    }

    // At its limit, and nothing was refused to it yet.
    [Test]
    public void Explain_OfOneAtItsLimit_SaysThatTheNextIsRefused() => Assert.That(
        Explained(_limited with { Rules = [_limited.Rules[0] with { Count = 60, OverSince = null }] }),
        Does.Contain("  counted   60 connections since 03:12:01 in a window of 600s; the next is refused\n"));

    [Test]
    public void Explain_BehindMidnight_HasTheDayOfWhatWasBefore() => Assert.That(
        Explained(_limited, now: At("2026-11-29T00:00:00Z")), Does.StartWith("192.0.2.7  smtp  LIMITED until 2026-11-28T03:22:02 if").And.Not.Contain(" 03:"));

    [Test]
    public void Release_IsThisOctetByOctet() => Assert.That(
        Printed(output => ReleaseCommand.Print(
            JsonSerializer.Serialize(
                new ReleaseReport("192.0.2.7", [new("smtp", "192.0.2.7", new(3, 203, 12, 0, 0, 0, 0, 0), "free")], []), ControlJson.Default.ReleaseReport),
            output)),
        Is.EqualTo("""
            smtp: counters of 192.0.2.7/32 set to 0 (203 connections, 12 messages), 3 connections stay open
            bans: none covered it; it may connect now

            """));

    [Test]
    public void LimitsSet_IsThisOctetByOctet()
    {
        var answer = new ParameterChanges(9, DryRun: false, [
            new("smtp", Rate, "60", "5", "runtime", Own: false, Applies: true)
            {
                Until = At("2026-11-28T04:12:09Z"),
                Over = new(
                    41, 2, [new("192.0.2.7", 203, Delivers: true), new("198.51.100.3", 6, Delivers: true), new("203.0.113.9", 48, Delivers: false)],
                    Truncated: true),
            },
            new("submission", Rate, "10", "10", "main.cf:22", Own: true, Applies: false),
        ],
        [])
        {
            At = At("2026-11-28T03:12:09Z"),
        };
        Assert.That(
            Printed(output => LimitsOutput.Print(
                JsonSerializer.Serialize(answer, ControlJson.Default.ParameterChanges),
                static revision => $"revision {revision}; back with: smtpshield limits reset {Rate}",
                goesOn: false, output)),
            Is.EqualTo("""
                smtp        60 -> 5 until 04:12:09; over it now: 41 clients, 2 of them deliver mail: 192.0.2.7, 198.51.100.3
                submission  keeps 10: it has a value of its own (main.cf:22); --service submission changes it
                revision 9; back with: smtpshield limits reset smtpd_client_connection_rate_limit

                """));
    }

    private static string Explained(ClientAtService at, string? name = null, DateTimeOffset? now = null) => Printed(output => ExplainCommand.Print(
        JsonSerializer.Serialize(new ClientExplanation("192.0.2.7", [at]) { At = now ?? _now, Name = name }, ControlJson.Default.ClientExplanation), output));

    private static string Printed(Action<PlainOutput> print)
    {
        // Local times, in a place where they are those of UTC.
        var here = TimeZoneInfo.CreateCustomTimeZone("here", TimeSpan.Zero, displayName: null, standardDisplayName: null);
        using var writer = new StringWriter { NewLine = "\n" };
        print(new(writer, here));
        return writer.ToString();
    }

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, CultureInfo.InvariantCulture);
}
