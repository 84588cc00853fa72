using System.Net;
using System.Reflection;
using System.Text;
using Microsoft.Extensions.Configuration;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Tests.Limits;

public class ClientLimitsTests
{
    private const int All = -1;

    private static readonly ClientIdentity _client = new(new IPEndPoint(IPAddress.Parse("192.0.2.7"), 1));

    private static readonly SmtpdLimitOptions _none = new() { ClientConnectionCountLimit = 0 };

    private static IEnumerable<Func<int, SmtpdLimitOptions>> EachLimit =>
    [
        limit => _none with { ClientConnectionCountLimit = limit }, limit => _none with { ClientConnectionRateLimit = limit },
        limit => _none with { ClientMessageRateLimit = limit }, limit => _none with { ClientRecipientRateLimit = limit },
        limit => _none with { ClientNewTlsSessionRateLimit = limit }, limit => _none with { ClientAuthRateLimit = limit },
        limit => _none with { ClientErrorRateLimit = limit }, limit => _none with { ClientAuthFailureRateLimit = limit },
    ];

    [Test]
    public void IsAnySet_NoLimit_IsFalse() => Assert.That(ClientLimits.IsAnySet(_none), Is.False);

    [TestCaseSource(nameof(EachLimit))]
    public void IsAnySet_OneLimit_IsTrue(Func<int, SmtpdLimitOptions> with) => Assert.That(ClientLimits.IsAnySet(with(1)), Is.True);

    [Test]
    public void IsAnyExceeded_NoLimit_IsFalse() => Assert.That(ClientLimits.IsAnyExceeded(CountsOf(int.MaxValue, All), _none), Is.False);

    [Test]
    public void IsAnyExceeded_OneLimit_IsTrueAboveIt()
    {
        var limits = EachLimit.ToArray();
        Assert.That(limits.Select((with, i) => ClientLimits.IsAnyExceeded(CountsOf(5, i), with(5))), Is.All.False);
        Assert.That(limits.Select((with, i) => ClientLimits.IsAnyExceeded(CountsOf(6, i), with(5))), Is.All.True);
        Assert.That(limits.Select((with, i) => ClientLimits.IsAnyExceeded(CountsOf(6, (i + 1) % limits.Length), with(5))), Is.All.False);
    }

    [Test]
    public void All_Rows_AreOfTheLimitsInTheirOrder() =>
        Assert.That(EachLimit.Select(with => ClientLimits.All.Single(limit => limit.Value(with(3)) == 3)), Is.EqualTo(ClientLimits.All));

    [Test]
    public void All_Rows_CountEachEventOnce() =>
        Assert.That(ClientLimits.All.Select(limit => limit.Event).OfType<AnvilEvent>(), Is.EqualTo(Enum.GetValues<AnvilEvent>()));

    // main.cf's name, so that what a row says is what an administrator sets.
    [Test]
    public void All_Rows_ReadTheParameterTheyName() =>
        Assert.That(ClientLimits.All.Select(limit => limit.Value(WithThree(limit.Parameter))), Is.All.EqualTo(3));

    [Test]
    public void All_LimitsPerClientAmongTheOptions_HaveARow() => Assert.That(
        typeof(SmtpdLimitOptions).GetProperties().Select(NameOf)
            .Where(name => name.Contains("_client_", StringComparison.Ordinal) && name.EndsWith("_limit", StringComparison.Ordinal)),
        Is.EquivalentTo(ClientLimits.All.Select(limit => limit.Parameter)));

    // smtpd.c: mail_cmd, rcpt_cmd and vrfy_cmd, smtpd_sasl_auth_cmd_wrapper. STARTTLS counts behind its handshake only.
    [Test]
    public void Of_EachVerb_IsTheLimitPostfixCountsItFor() => Assert.That(
        Enum.GetValues<Verb>().Where(verb => ClientLimits.Of(verb) is not null).Select(verb => (verb, ClientLimits.Of(verb))),
        Is.EqualTo(new[]
        {
            (Verb.Auth, ClientLimits.Auth), (Verb.Mail, ClientLimits.Message), (Verb.Rcpt, ClientLimits.Recipient), (Verb.Vrfy, ClientLimits.Recipient),
        }));

    // smtpd.c 3.7: the moment, the words of the log line, anvil.c's of the statistics, and the reply. The last two are the shield's own.
    [Test]
    public void All_Rows_SayWhatPostfixSays() => Assert.That(
        ClientLimits.All.Select(limit => $"{limit.Moments}: {limit.Subject} limit exceeded; {limit.StatisticsName}; {TextOf(limit.ReplyTo("HOST", _client))}"),
        Is.EqualTo(new[]
        {
            "Connect: Connection concurrency limit exceeded; ; 421 4.7.0 HOST Error: too many connections from 192.0.2.7\r\n",
            "Connect: Connection rate limit exceeded; connection; 421 4.7.0 HOST Error: too many connections from 192.0.2.7\r\n",
            "Command: Message delivery request rate limit exceeded; message; 450 4.7.1 Error: too much mail from 192.0.2.7\r\n",
            "Command: Recipient address rate limit exceeded; recipient; 450 4.7.1 Error: too many recipients from 192.0.2.7\r\n",
            "Command, Handshake: New TLS session rate limit exceeded; newtls; 421 4.7.0 HOST Error: too many new TLS sessions from unknown[192.0.2.7]\r\n",
            "Command: AUTH command rate limit exceeded; auth; 450 4.7.1 Error: too many AUTH commands from 192.0.2.7\r\n",
            "Connect, Command: Error rate limit exceeded; error; 421 4.7.0 HOST Error: too many errors from 192.0.2.7\r\n",
            "Connect, Command: Authentication failure rate limit exceeded; authfail; 421 4.7.0 HOST Error: too many authentication failures from 192.0.2.7\r\n",
        }));

    // "if (... > var_smtpd_...)" for each of them (smtpd.c): at the limit all is well, and 0 is off.
    [TestCase(5, 5, null)]
    [TestCase(5, 6, 6)]
    [TestCase(0, int.MaxValue, null)]
    public void Judge_EachRow_IsExceededAboveTheLimitOnly(int limit, int count, int? expected) =>
        Assert.That(EachLimit.Select((with, i) => ClientLimits.All[i].Judge(CountsOf(count, i), with(limit))?.Count), Is.All.EqualTo(expected));

    [Test]
    public void JudgeAtConnect_AllExceeded_IsTheFirstOfThoseJudgedThen()
    {
        var every = new SmtpdLimitOptions
        {
            ClientConnectionCountLimit = 1, ClientConnectionRateLimit = 1, ClientMessageRateLimit = 1, ClientRecipientRateLimit = 1,
            ClientNewTlsSessionRateLimit = 1, ClientAuthRateLimit = 1, ClientErrorRateLimit = 1, ClientAuthFailureRateLimit = 1,
        };
        Assert.That(
            (ClientLimits.JudgeAtConnect(CountsOf(2, All), every)?.Limit, ClientLimits.JudgeAtConnect(TestAnvil.Counts(1, 2, 9, 9, 9, 9, 9, 9), every)?.Limit,
                ClientLimits.JudgeAtConnect(TestAnvil.Counts(1, 1, 9, 9, 9, 9, 9, 9), every)?.Limit,
                ClientLimits.JudgeAtConnect(TestAnvil.Counts(1, 1, 9, 9, 9, 9, 1, 9), every)?.Limit,
                ClientLimits.JudgeAtConnect(TestAnvil.Counts(1, 1, 9, 9, 9, 9), every)?.Limit),
            Is.EqualTo((ClientLimits.ConnectionCount, ClientLimits.ConnectionRate, ClientLimits.Error, ClientLimits.AuthFailure, (ClientLimit?)null)));
    }

    [Test]
    public void Judge_AllRows_AllocatesNothing()
    {
        var counts = CountsOf(6, All);
        ClientLimits.IsAnyExceeded(counts, _none);
        var before = GC.GetAllocatedBytesForCurrentThread();
        _ = (ClientLimits.IsAnyExceeded(counts, _none), ClientLimits.IsAnySet(_none), ClientLimits.JudgeAtConnect(counts, _none));

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static SmtpdLimitOptions WithThree(string parameter)
    {
        var limits = _none with { };
        typeof(SmtpdLimitOptions).GetProperties().Single(property => NameOf(property) == parameter).SetValue(limits, 3);
        return limits;
    }

    private static string NameOf(PropertyInfo property) => property.GetCustomAttribute<ConfigurationKeyNameAttribute>()!.Name;

    private static string TextOf(Reply reply) => Encoding.ASCII.GetString(reply.Octets.Span);

    private static AnvilCounts CountsOf(int value, int index)
    {
        var rates = default(AnvilEventCounts);
        for (var i = 0; i < AnvilEventCounts.Length; i++)
            rates[i] = index is All || index == i + 1 ? value : 0;
        return new(index is All or 0 ? value : 0, rates);
    }
}
