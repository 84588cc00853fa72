namespace SmtpShield.Clients;

/// <summary>The files a <see cref="ResolverConfiguration"/> comes from. They are looked at now and then, and read again when one has changed.</summary>
/// <param name="time">The clock.</param>
/// <param name="root">The directory they are in.</param>
internal sealed class ResolverFiles(TimeProvider time, string root = "/etc")
{
    /// <summary>How long what was read is good without another look.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // A hosts file that blocks advertising has some. What is longer is no hosts file.
    private const long LargestFile = 64 << 20;

    private readonly Lock _lock = new();
    private ResolverConfiguration? _configuration;
    private (DateTime, DateTime, DateTime) _changed;
    private long _looked;

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
                if (_configuration is null || changed != _changed)
                    (_configuration, _changed) = (ResolverConfiguration.Read(LinesOf("resolv.conf"), LinesOf("nsswitch.conf"), LinesOf("hosts")), changed);
                return _configuration;
            }
        }
    }

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
