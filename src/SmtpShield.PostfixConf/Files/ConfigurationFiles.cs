using System.Diagnostics.CodeAnalysis;

namespace SmtpShield.PostfixConf.Files;

/// <summary>
/// The files that one reading of the configuration names. Each is read once, however many values and services name it, and all together are bounded: a list
/// that names the same large file a thousand times, for ten services, costs what one does.
/// </summary>
internal sealed class ConfigurationFiles
{
    /// <summary>The largest sum of the files that are read, in characters.</summary>
    public const int MaxLength = 4 * ConfigurationText.MaxLength;

    private readonly Dictionary<string, (string? Text, string Error)> _texts = new(StringComparer.Ordinal);
    private long _length;

    /// <summary>The files, readable or not.</summary>
    public IReadOnlyCollection<string> Paths => _texts.Keys;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">Its text.</param>
    /// <param name="error">Why not, as <see cref="ConfigurationText.TryRead"/> says it.</param>
    public bool TryRead(string path, [NotNullWhen(true)] out string? text, out string error)
    {
        if (!_texts.TryGetValue(path, out var known))
            _texts[path] = known = Read(path);
        (text, error) = known;
        return text is not null;
    }

    private (string? Text, string Error) Read(string path)
    {
        if (!ConfigurationText.TryRead(path, out var text, out var error))
            return (null, error);
        _length += text.Length;
        return _length <= MaxLength ? (text, "") : (null, $"read {path}: all files together are larger than {MaxLength} characters");
    }
}
