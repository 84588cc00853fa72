using System.Globalization;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.Host.Import;

/// <summary>
/// Ports of the loopback interface for the smtpds behind the shield: from 10025 on, without those Postfix's files speak of, as content filters like the same.
/// </summary>
/// <param name="files">The files.</param>
/// <param name="isTaken">Whether something listens on a port of this host; without it only the files are looked at.</param>
internal sealed class FreePorts(PostfixFiles files, Predicate<int>? isTaken)
{
    private const int First = 10025;

    private readonly List<string> _texts =
    [
        .. files.Master.Entries.Where(entry => entry.Type == "inet").Select(entry => $":{entry.Service}"),
        .. files.Main.Entries.Values.Concat(files.Master.Entries.SelectMany(entry => entry.Overrides)).Select((MainCfEntry entry) => entry.Value),
    ];

    private int _next = First;

    /// <summary>The next one.</summary>
    public int Take()
    {
        while (isTaken?.Invoke(_next) == true
            || _texts.Exists(text => text.Contains($":{_next.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal)))
        {
            _next++;
        }
        return _next++;
    }
}
