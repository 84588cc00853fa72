using System.Globalization;
using System.Net;

namespace SmtpShield.Host.Switching;

/// <summary>A listening TCP socket of this network, from /proc/net: a connection to find it would be an event that Postfix counts.</summary>
/// <param name="EndPoint">Where it listens.</param>
/// <param name="Inode">What it is called among the open files of a process.</param>
internal sealed record ListeningSocket(IPEndPoint EndPoint, string Inode)
{
    private const string Listening = "0A";

    /// <summary>Whether something listens on a port, whatever the address.</summary>
    public static bool IsTaken(int port) => All().Any(socket => socket.EndPoint.Port == port);

    /// <summary>Whether something listens where this end point would be bound.</summary>
    public static bool IsTaken(IPEndPoint endPoint) => All().Any(socket => socket.IsInTheWayOf(endPoint));

    /// <summary>The processes that listen where this end point would be bound.</summary>
    public static IReadOnlyList<int> HoldersOf(IPEndPoint endPoint)
    {
        var names = All().Where(socket => socket.IsInTheWayOf(endPoint)).Select(socket => $"socket:[{socket.Inode}]").ToHashSet(StringComparer.Ordinal);
        return names.Count == 0 ? [] : [.. Processes().Where(process => OpenFiles(process).Any(names.Contains))];
    }

    /// <summary>What a process is, for people: its name and its number.</summary>
    public static string Describe(int process) => $"{NameOf(process)}[{process}]";

    /// <summary>The name of a process; empty when it has ended.</summary>
    public static string NameOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/comm").Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static IEnumerable<ListeningSocket> All() => Read("/proc/net/tcp").Concat(Read("/proc/net/tcp6"));

    private bool IsInTheWayOf(IPEndPoint other) =>
        EndPoint.Port == other.Port && EndPoint.AddressFamily == other.AddressFamily
        && (EndPoint.Address.Equals(other.Address) || IsAny(EndPoint.Address) || IsAny(other.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static List<ListeningSocket> Read(string table)
    {
        try
        {
            return
            [
                .. File.ReadLines(table).Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                    .Where(columns => columns.Length > 9 && columns[3] == Listening)
                    .Select(columns => new ListeningSocket(Parse(columns[1]), columns[9])),
            ];
        }
        catch (IOException)
        {
            return []; // A kernel without IPv6.
        }
    }

    // Four octets at a time, as a number of the machine's.
    private static IPEndPoint Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var address = Enumerable.Range(0, colon / 8)
            .SelectMany(i => BitConverter.GetBytes(uint.Parse(text.AsSpan(i * 8, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture))).ToArray();
        return new(new IPAddress(address), int.Parse(text.AsSpan(colon + 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
    }

    private static IEnumerable<int> Processes() =>
        Directory.EnumerateDirectories("/proc").Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0).Where(id => id > 0);

    private static List<string> OpenFiles(int process)
    {
        try
        {
            return [.. Directory.EnumerateFiles($"/proc/{process}/fd").Select(Target)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // It has ended, or is not ours to see.
        }
    }

    private static string Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name ?? "";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ""; // Closed meanwhile.
        }
    }
}
