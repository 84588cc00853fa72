using SmtpShield.Clients;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>
/// A limit on what one client does: a row of <see cref="ClientLimits"/>. Counting is <see cref="ClientCounter"/>'s part, and a call of its own: what is judged
/// again, because it had to wait, is not counted again.
/// </summary>
/// <param name="Parameter">Its name in main.cf.</param>
/// <param name="Value">What it is set to; 0: off.</param>
internal sealed record ClientLimit(string Parameter, Func<SmtpdLimitOptions, int> Value)
{
    /// <summary>What is counted; null: connections.</summary>
    public AnvilEvent? Event { get; init; }

    /// <summary>Which commands are counted for it, where they are all that is.</summary>
    public IReadOnlyList<Verb> Commands { get; init; } = [];

    /// <summary>Of connections, whether those that are open count, not those that are made in a window.</summary>
    public bool IsOnOpenConnections { get; init; }

    /// <summary>When it is judged.</summary>
    public required LimitMoments Moments { get; init; }

    /// <summary>What it is on, in the words of Postfix's log line: <c>Connection rate</c> in <c>Connection rate limit exceeded: 6 from …</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>The rate in anvil's statistics: <c>message</c> in <c>statistics: max message rate …</c>.</summary>
    /// <value>Null: no rate is limited.</value>
    public string? StatisticsName { get; init; }

    /// <summary>What a client over it is told, of the shield's name and the client's.</summary>
    public required Func<string, string, string> Text { get; init; }

    /// <summary>Whether the reply has the client as <c>name[address]</c>, not its address alone.</summary>
    public bool HasNameInReply { get; init; }

    /// <summary>
    /// Whether what is judged is counted first, so that a client at the limit is refused the next time. What the MTA refuses is counted afterwards.
    /// </summary>
    public bool CountsBeforeJudging => Event is not (AnvilEvent.Error or AnvilEvent.AuthFailure);

    /// <summary>Whether it is set: nothing is counted for it where it is not (smtpd.c).</summary>
    public bool IsOn(SmtpdLimitOptions limits) => Value(limits) > 0;

    /// <summary>Whether what it is on is counted: where it is set, or judged in shadow.</summary>
    public bool IsCounted(ConnectionOptions options) => IsOn(options.Limits) || (options.InShadow is { } shadow && IsOn(shadow.Limits));

    /// <summary>What is compared, among all the counts of a client.</summary>
    public int CountIn(in AnvilCounts counts) => Event is { } kind ? counts.Of(kind) : IsOnOpenConnections ? counts.ConnectionCount : counts.ConnectionRate;

    /// <summary>The same of a record. Roll it first.</summary>
    public int CountIn(in AnvilEntry entry, int now, AnvilWindow window) => Event is { } kind ? entry.Rate(AnvilEventCounts.IndexOf(kind), now, window)
        : IsOnOpenConnections ? entry.Open : entry.Rate(AnvilEventCounts.Connections, now, window);

    /// <summary>
    /// Compares. A limit of 0 is off, and a count at the limit is within it: Postfix has <c>&gt;</c> for all limits on clients (smtpd.c). What is counted
    /// includes what is judged.
    /// </summary>
    public LimitHit? Judge(int count, SmtpdLimitOptions limits) => Value(limits) is > 0 and var limit && count > limit ? new(this, count) : null;

    /// <summary>Whether the next of what is counted would be refused, if it came now.</summary>
    /// <param name="count">The client's count.</param>
    /// <param name="value">The limit; 0: off.</param>
    public bool RefusesNext(int count, int value) => value > 0 && (CountsBeforeJudging ? count >= value : count > value);

    /// <inheritdoc cref="Judge(int, SmtpdLimitOptions)"/>
    public LimitHit? Judge(in AnvilCounts counts, SmtpdLimitOptions limits) => Judge(CountIn(counts), limits);

    /// <summary>What a client over the limit gets: in place of the greeting, as the next reply, or as the first one inside TLS.</summary>
    /// <param name="myHostname">The shield's name.</param>
    /// <param name="client">The client.</param>
    public Reply ReplyTo(string myHostname, ClientIdentity client) => Reply.Of(Text(myHostname, HasNameInReply ? client.NameAddress : client.AddressText));
}
