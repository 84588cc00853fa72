using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Ledger;

/// <summary>A mail of a ledger in a mailbox.</summary>
/// <param name="Id">Its own.</param>
/// <param name="QueueId">The MTA's for it: another one each time it was accepted.</param>
/// <param name="IsWhole">It has the end that was sent.</param>
public sealed partial record StoredMail(string Id, string QueueId, bool IsWhole)
{
    /// <summary>Reads messages.</summary>
    /// <param name="paths">Their files, as <see cref="Outside.PostfixInstance.MessagesOf"/> has them.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<IReadOnlyList<StoredMail>> ReadAsync(IEnumerable<string> paths, CancellationToken cancellationToken)
    {
        var mails = new List<StoredMail>();
        foreach (var path in paths)
            mails.Add(Parse(await File.ReadAllTextAsync(path, cancellationToken)));
        return mails;
    }

    /// <summary>The same for one message's text.</summary>
    public static StoredMail Parse(string text)
    {
        var id = MessageId().Match(text).Groups[1].Value;
        return new(id, QueueIdOf(ReceivedAs().Match(text)), text.TrimEnd('\n').EndsWith(MailLedger.LastLineOf(id), StringComparison.Ordinal));
    }

    /// <summary>The queue id in a reply of Postfix's to the end of mail data; empty: there is none.</summary>
    public static string QueueIdIn(string reply) => QueueIdOf(QueuedAs().Match(reply));

    private static string QueueIdOf(Match match) => match.Groups[1].Value;

    [GeneratedRegex(@"^Message-Id: <([^>]*)>", RegexOptions.Multiline)]
    private static partial Regex MessageId();

    [GeneratedRegex(@"^Received: from [\s\S]*?\(Postfix\) with \S+ id (\w+)", RegexOptions.Multiline)]
    private static partial Regex ReceivedAs();

    [GeneratedRegex(@"queued as (\w+)")]
    private static partial Regex QueuedAs();
}
