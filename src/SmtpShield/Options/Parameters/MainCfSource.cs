using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.Options.Parameters;

/// <summary>
/// The layer of the main.cf file: a configuration provider whose reload token fires when the file was read again. It is not a <c>FileConfigurationProvider</c>,
/// because that one forgets its values while an editor replaces the file, sleeps on a thread before it reloads, and watches one directory, which misses the
/// symbolic links of a mounted volume and the files that lists name; <see cref="FileWatch"/> sees them all.
/// </summary>
internal sealed class MainCfSource(string path) : ParameterSource
{
    /// <summary>The file as it was read last.</summary>
    public MainCfFile File { get; private set; } = new(path, new Dictionary<string, MainCfEntry>(), []);

    /// <inheritdoc/>
    public override void Load()
    {
        Use(MainCfFile.Read(path));
        OnReload();
    }

    /// <summary>Takes what was read another time for the file's content.</summary>
    public void Use(MainCfFile file)
    {
        File = file;
        Data = file.Entries.Values.ToDictionary(entry => entry.Name, entry => (string?)entry.Value, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public override SourceLocation Locate(string name) => new(path, File.Entries[name].Line);
}
