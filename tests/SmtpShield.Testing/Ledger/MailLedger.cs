using System.Collections.Concurrent;

namespace SmtpShield.Testing.Ledger;

/// <summary>
/// What clients were told of their mails, to be compared with what is in the mailboxes. A mail that its client was told is accepted is there, under the name
/// the client was told; no mail is there more often than it was acknowledged, or went without an answer; and each wait of a client's has ended.
/// </summary>
public sealed class MailLedger
{
    private readonly ConcurrentDictionary<string, LedgerMail> _mails = new();
    private readonly ConcurrentQueue<string> _breaches = new();
    private readonly ConcurrentDictionary<string, int> _refusals = new();
    private readonly string _name = Guid.NewGuid().ToString("N");
    private int _opened;
    private int _acknowledged;
    private int _waiting;

    /// <summary>All mails.</summary>
    public IReadOnlyCollection<LedgerMail> Mails => [.. _mails.Values];

    /// <summary>Mails whose clients were told that they are accepted.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Clients that wait for a reply at this moment.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>What clients were told to come again for, and how often.</summary>
    public IReadOnlyDictionary<string, int> Refusals => _refusals;

    /// <summary>What the mail with this id ends with.</summary>
    public static string LastLineOf(string id) => $"End of {id}";

    /// <summary>A new mail.</summary>
    public LedgerMail Open()
    {
        var mail = new LedgerMail($"{Interlocked.Increment(ref _opened)}.{_name}@client.example");
        _mails[mail.Id] = mail;
        return mail;
    }

    /// <summary>A client was told that its mail is accepted.</summary>
    /// <param name="mail">The mail.</param>
    /// <param name="queueId">Its name at the MTA, as the client was told; empty: none.</param>
    public void NoteAcknowledged(LedgerMail mail, string queueId)
    {
        mail.AcknowledgedAs = queueId;
        Interlocked.Increment(ref _acknowledged);
    }

    /// <summary>A client was told to come again.</summary>
    public void NoteRefused(string reply) => _refusals.AddOrUpdate(reply, 1, static (_, count) => count + 1);

    /// <summary>A client was told, or not told, what an honest one must never see.</summary>
    public void NoteBreach(string what) => _breaches.Enqueue(what);

    /// <summary>A client begins to wait.</summary>
    public void BeginWait() => Interlocked.Increment(ref _waiting);

    /// <summary>A client waits no longer.</summary>
    public void EndWait() => Interlocked.Decrement(ref _waiting);

    /// <summary>What does not agree, a sentence each.</summary>
    /// <param name="stored">What is in the mailboxes, once no more is coming.</param>
    public IReadOnlyList<string> Differences(IEnumerable<StoredMail> stored)
    {
        var accepted = stored.ToLookup(static mail => mail.Id);
        var differences = _breaches.ToList();
        foreach (var mail in _mails.Values)
        {
            // One that is delivered twice under one name was accepted once: an MTA that is killed between delivery and its own books does so.
            var names = accepted[mail.Id].Select(static copy => copy.QueueId).Distinct().ToList();
            var allowed = mail.Unanswered + (mail.AcknowledgedAs is null ? 0 : 1);
            if (mail.AcknowledgedAs is null)
                differences.Add($"{mail.Id}: its client was never told that it is accepted");
            else if (names.Count == 0)
                differences.Add($"{mail.Id}: lost, acknowledged as {mail.AcknowledgedAs}");
            else if (!names.Contains(mail.AcknowledgedAs))
                differences.Add($"{mail.Id}: acknowledged as {mail.AcknowledgedAs}, which is not this mail; stored as {string.Join(", ", names)}");
            if (names.Count > allowed)
                differences.Add($"{mail.Id}: stored {names.Count} times, its client was left without an answer {mail.Unanswered} times");
            if (accepted[mail.Id].Any(static copy => !copy.IsWhole))
                differences.Add($"{mail.Id}: stored without its end");
        }

        return differences;
    }
}
