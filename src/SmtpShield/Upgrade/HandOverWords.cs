namespace SmtpShield.Upgrade;

/// <summary>
/// What a shield (old) and its successor (new) say to each other, a line each:
/// <code>
/// new  checked VERSION PROCESS       it has read the configuration, and would start with it
/// old  smtpshield 1 VERSION PROCESS  and from here on clients wait in the listen queues
/// old  hears                         it takes news, too
/// old  by TEXT                       who wants it
/// old  socket DESCRIPTOR             one that listens, and that the new one has had since it was started; as often as needed
/// old  state NAME                    the lines of a file of the state directory, or of what is in none, follow, each behind a blank
/// old  go                            that was all
/// new  ready                         it has started, and accepts as soon as it is told
/// old  take                          it is told
/// new  serving                       it accepts; from here on there is no way back
/// old  left                          the old one accepts no more, and has left its control socket and its state directory
/// both news NAME TEXT                something of what was given has changed; the new one only to one that hears; until one of them ends
/// </code>
/// Up to <c>serving</c> the new one may say <c>failed TEXT</c> instead, or end: then the old one goes on. What one of them does not know it passes over.
/// </summary>
internal static class HandOverWords
{
    /// <summary>The version of all this.</summary>
    public const int Version = 1;

    public const string Checked = "checked";
    public const string Head = "smtpshield";
    public const string Hears = "hears";
    public const string By = "by";
    public const string Socket = "socket";
    public const string State = "state";
    public const string Go = "go";
    public const string Ready = "ready";
    public const string Take = "take";
    public const string Serving = "serving";
    public const string Left = "left";
    public const string News = "news";
    public const string Failed = "failed";

    /// <summary>The word a line begins with, and what stands behind it.</summary>
    public static (string Word, string Behind) Split(string line) =>
        line.IndexOf(' ', StringComparison.Ordinal) is > 0 and var blank ? (line[..blank], line[(blank + 1)..]) : (line, "");
}
