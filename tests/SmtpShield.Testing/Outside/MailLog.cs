using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Outside;

/// <summary>The lines that one service's smtpd wrote to a log file: Postfix's or the shield's.</summary>
/// <param name="file">The file.</param>
/// <param name="syslogName">The service's <c>syslog_name</c>; lines of others in the same file are passed over.</param>
public sealed partial class MailLog(LogFile file, string syslogName)
{
    private string _part = "";
    private int _from;

    /// <summary>The file.</summary>
    public string Path => file.Path;

    /// <summary>The texts of the service's smtpd lines so far, without time, host, process name and id.</summary>
    public IReadOnlyList<string> Texts
    {
        get
        {
            var texts = file.TextsOf(syslogName + "/smtpd", _from);
            return _part.Length == 0 ? texts : [.. texts.Where(text => text.Contains(_part, StringComparison.Ordinal))];
        }
    }

    /// <summary>Only the lines in which <paramref name="part"/> stands: those about one client, when others have sessions at the same time.</summary>
    public MailLog About(string part) => new(file, syslogName) { _part = part, _from = _from };

    /// <summary>Only the lines that are not there yet.</summary>
    public MailLog FromHere() => new(file, syslogName) { _part = _part, _from = file.TextsOf(syslogName + "/smtpd", 0).Count };

    /// <summary>
    /// The lines that say how sessions began, what limits and guards did in them, and how they ended. Made comparable: the service's name is <c>smtp</c>,
    /// because a Postfix on a port of its own logs the address and port it has in master.cf; the number of octets after BDAT is <c>n</c>, because at a timeout
    /// Postfix logs the length of its own 421 there; and <c>server-digest</c> and the place in OpenSSL's source, which .NET doesn't tell, are left out.
    /// Nothing else is changed.
    /// </summary>
    public IReadOnlyList<string> SessionLines =>
        [.. Texts.Where(text => SessionLine().IsMatch(text)).Select(text => OpenSslSource()
            .Replace(ServerDigest().Replace(BdatSize().Replace(ServiceName().Replace(text, "for service smtp"), "after BDAT (n bytes)"), ""), ""))];

    /// <summary>The refusals of commands. Made comparable: a queue id is <c>NOQUEUE</c>, because only the MTA knows it.</summary>
    public IReadOnlyList<string> Rejects => [.. Texts.Where(text => RejectLine().IsMatch(text)).Select(text => QueueId().Replace(text, "NOQUEUE: "))];

    /// <summary>
    /// The refusals of whole messages by what stands behind the service, as Postfix's before-queue proxy and the shield log them. A Postfix without such a
    /// proxy has none: cleanup or a milter refuses, and logs it.
    /// </summary>
    public IReadOnlyList<string> ProxyRejects => [.. Texts.Where(text => ProxyRejectLine().IsMatch(text))];

    /// <summary>Waits until as many sessions have ended as the test knows of.</summary>
    public Task WaitForDisconnectsAsync(int sessions, CancellationToken cancellationToken) =>
        WaitForAsync(texts => texts.Count(text => text.StartsWith("disconnect from ", StringComparison.Ordinal)) >= sessions,
            $"{sessions} disconnect lines", cancellationToken);

    /// <summary>Waits until every session that began has ended.</summary>
    public Task WaitForQuietAsync(CancellationToken cancellationToken) =>
        WaitForAsync(
            texts => texts.Count(text => text.StartsWith("disconnect from ", StringComparison.Ordinal)) == texts.Count(
                text => text.StartsWith("connect from ", StringComparison.Ordinal)),
            "a disconnect line for each connect line",
            cancellationToken);

    /// <summary>Waits until the lines meet a condition; throws with all of them when they don't within 20 seconds.</summary>
    public async Task WaitForAsync(Func<IReadOnlyList<string>, bool> condition, string what, CancellationToken cancellationToken)
    {
        if (!await Eventually.TryAsync(() => condition(Texts), TimeSpan.FromSeconds(20), cancellationToken))
            throw new TimeoutException($"Not in the log {Path} of {syslogName}: {what}\n{string.Join('\n', Texts.TakeLast(50))}");
    }

    /// <summary>The commands of all sessions, from the statistics of the disconnect lines: how many the server saw, refused ones included.</summary>
    public IReadOnlyDictionary<string, int> CommandsSeen()
    {
        var seen = new Dictionary<string, int>();
        foreach (var text in Texts.Where(text => text.StartsWith("disconnect from ", StringComparison.Ordinal)))
        {
            foreach (Match match in Statistic().Matches(text))
                seen[match.Groups["verb"].Value] = seen.GetValueOrDefault(match.Groups["verb"].Value) + int.Parse(match.Groups["seen"].Value, null);
        }
        return seen;
    }

    [GeneratedRegex(@"^(connect from |disconnect from |lost connection |timeout after |too many errors after |improper command pipelining "
        + @"|discarding EHLO keywords: |warning: non-SMTP command |warning: .* limit exceeded: |warning: Refusing |warning: TLS library problem: "
        + @"|SSL_accept error |Anonymous TLS connection |TLS SNI )")]
    private static partial Regex SessionLine();

    [GeneratedRegex(@"for service \S+$")]
    private static partial Regex ServiceName();

    [GeneratedRegex(@"after BDAT \(\d+ bytes\)")]
    private static partial Regex BdatSize();

    [GeneratedRegex(" server-digest [A-Z0-9]+$")]
    private static partial Regex ServerDigest();

    [GeneratedRegex(@"(?<=^warning: TLS library problem: .*):[^ :]+\.c:\d+:$")]
    private static partial Regex OpenSslSource();

    [GeneratedRegex(@"^[0-9A-Za-z]+: reject: ")]
    private static partial Regex RejectLine();

    [GeneratedRegex("^proxy-reject: ")]
    private static partial Regex ProxyRejectLine();

    [GeneratedRegex(@"^[0-9A-Za-z]+: ")]
    private static partial Regex QueueId();

    [GeneratedRegex(@" (?<verb>[a-z]+)=(\d+/)?(?<seen>\d+)")]
    private static partial Regex Statistic();
}
