using System.Globalization;
using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Observe;

/// <summary>How many commands a session has seen and how many succeeded, for the <c>disconnect from</c> line (Postfix smtpd.c, since 3.0).</summary>
internal sealed class CommandStatistics
{
    // Only for verbs seen: most sessions use a handful of them.
    private Entry[] _entries = [];
    private int _length;

    /// <summary>Counts a command, when its reply is known or the session ended without one.</summary>
    /// <param name="verb">The command; an unrecognized one never succeeds, whatever the MTA said to it.</param>
    /// <param name="succeeded">Whether the reply was 2xx.</param>
    public void Count(Verb verb, bool succeeded)
    {
        ref var entry = ref EntryOf(verb);
        entry.Seen++;
        if (succeeded && verb != Verb.Unknown)
            entry.Succeeded++;
    }

    /// <summary>
    /// Writes <c> cmd=ok</c> or <c> cmd=ok/total</c> for the commands seen, in Postfix's order, and the total; <c> commands=0/0</c> when there were none.
    /// </summary>
    public string Describe()
    {
        var text = new StringBuilder(96);
        int succeeded = 0, seen = 0;
        var entries = _entries.AsSpan(0, _length);
        entries.Sort(static (left, right) => left.Verb.CompareTo(right.Verb));
        foreach (var entry in entries)
        {
            Append(text, entry.Verb.Row().StatisticsName, entry.Succeeded, entry.Seen, isTotal: false);
            succeeded += entry.Succeeded;
            seen += entry.Seen;
        }

        Append(text, "commands", succeeded, seen, isTotal: true);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string name, int succeeded, int seen, bool isTotal)
    {
        text.Append(' ').Append(name).Append('=').Append(succeeded.ToString(CultureInfo.InvariantCulture));
        if (succeeded != seen || (isTotal && seen == 0))
            text.Append('/').Append(seen.ToString(CultureInfo.InvariantCulture));
    }

    private ref Entry EntryOf(Verb verb)
    {
        for (var index = 0; index < _length; index++)
        {
            if (_entries[index].Verb == verb)
                return ref _entries[index];
        }

        if (_length == _entries.Length)
            Array.Resize(ref _entries, Math.Max(2, _length * 2));
        _entries[_length].Verb = verb;
        return ref _entries[_length++];
    }

    private struct Entry
    {
        public Verb Verb;
        public int Seen;
        public int Succeeded;
    }
}
