using System.Net.NetworkInformation;

namespace SmtpShield.Clients;

/// <summary>The files a <see cref="ResolverConfiguration"/> comes from. They are looked at now and then, and read again when one has changed.</summary>
/// <param name="time">The clock.</param>
/// <param name="root">The directory they are in.</param>
/// <param name="nameServers">Lines in place of <c>resolv.conf</c>, where the system has no such file; asked for at each look.</param>
internal sealed class ResolverFiles(TimeProvider time, string root = "/etc", Func<IEnumerable<string>>? nameServers = null)
{
    /// <summary>How long what was read is good without another look.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // A hosts file that blocks advertising has some. What is longer is no hosts file.
    private const long LargestFile = 64 << 20;

    private readonly Lock _lock = new();
    private ResolverConfiguration? _configuration;
    private (DateTime, DateTime, DateTime) _changed;
    private long _looked;

    /// <summary>Those of this system. Windows has the servers in its registry, and the other file where its drivers are.</summary>
    public static ResolverFiles OfSystem(TimeProvider time) => OperatingSystem.IsWindows()
        ? new(time, Path.Combine(Environment.SystemDirectory, "drivers", "etc"), NameServersOfInterfaces)
        : new(time);

    /// <summary>What holds now.</summary>
    public ResolverConfiguration Current
    {
        get
        {
            lock (_lock)
            {
                if (_configuration is not null && time.GetElapsedTime(_looked) < Interval)
                    return _configuration;
                _looked = time.GetTimestamp();
                var changed = (ChangedAt("resolv.conf"), ChangedAt("nsswitch.conf"), ChangedAt("hosts"));
                if (_configuration is null || changed != _changed || nameServers is not null)
                {
                    var servers = nameServers?.Invoke() ?? LinesOf("resolv.conf");
                    (_configuration, _changed) = (ResolverConfiguration.Read(servers, LinesOf("nsswitch.conf"), LinesOf("hosts")), changed);
                }

                return _configuration;
            }
        }
    }

    /// <summary>The name servers of interfaces that are up, as <c>resolv.conf</c> has them, each once.</summary>
    public static IEnumerable<string> NameServersOfInterfaces() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(static one => one.OperationalStatus == OperationalStatus.Up)
        .SelectMany(static one => one.GetIPProperties().DnsAddresses)
        // What Windows names where it knows none: nobody answers there.
        .Where(static address => !address.IsIPv6SiteLocal)
        .Distinct()
        .Select(static address => $"nameserver {address}");

    private string PathOf(string name) => Path.Combine(root, name);

    // Of the file behind a link, as resolv.conf often is one.
    private DateTime ChangedAt(string name)
    {
        try
        {
            var file = new FileInfo(PathOf(name));
            return (file.ResolveLinkTarget(returnFinalTarget: true) ?? file).LastWriteTimeUtc;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return default;
        }
    }

    // One that is missing, unreadable or no file is empty, as for the C library. What has no length is a pipe or a device, or empty.
    private string[] LinesOf(string name)
    {
        try
        {
            return new FileInfo(PathOf(name)) is { Exists: true } file && Length(file) is > 0 and <= LargestFile ? File.ReadAllLines(file.FullName) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static long Length(FileInfo file) => file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : file.Length;
}
