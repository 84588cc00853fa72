namespace SmtpShield.Testing.Dialogues;

/// <summary>What the clients of a dialogue saw, and what the server logged of it.</summary>
/// <param name="Entries">Replies, closes and delays, in the order of the dialogue's steps.</param>
/// <param name="Log">The lines of the log that say how sessions began and ended.</param>
/// <param name="Rejects">The lines of the log that say which commands were refused.</param>
public sealed record Transcript(IReadOnlyList<TranscriptEntry> Entries, IReadOnlyList<string> Log, IReadOnlyList<string> Rejects)
{
    /// <summary>The replies and closes without their delays.</summary>
    public IEnumerable<string> Texts => Entries.Select(entry => entry.Client + " " + entry.Text);

    /// <summary>Everything but the delays, one line each.</summary>
    public IEnumerable<string> TimelessLines => Texts.Concat(Log.Concat(Rejects).Select(line => "log: " + line));

    /// <summary>Everything, one line each.</summary>
    public IEnumerable<string> Lines => Entries.Select(entry => entry.ToString()).Concat(Log.Select(line => "log: " + line));
}
