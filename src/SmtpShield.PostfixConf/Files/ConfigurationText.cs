using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace SmtpShield.PostfixConf.Files;

/// <summary>
/// Reads configuration files: UTF-8, of bounded size, with an answer instead of an exception, and without waiting (<see cref="RegularFile"/>).
/// </summary>
internal static class ConfigurationText
{
    /// <summary>The largest file that is read, in bytes.</summary>
    public const int MaxLength = 16 * 1024 * 1024;

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">Its text; octets that are not UTF-8 become U+FFFD.</param>
    /// <param name="error">Why not, in the words of Postfix's <c>open FILE: %m</c>.</param>
    public static bool TryRead(string path, [NotNullWhen(true)] out string? text, out string error)
    {
        text = null;
        if (!TryReadBytes(path, out var bytes, out error))
            return false;
        var content = bytes.AsSpan();
        if (content.StartsWith(Encoding.UTF8.Preamble))
            content = content[Encoding.UTF8.Preamble.Length..];
        text = Encoding.UTF8.GetString(content);
        return true;
    }

    /// <summary>Reads the octets of a whole file.</summary>
    public static bool TryReadBytes(string path, [NotNullWhen(true)] out byte[]? bytes, out string error)
    {
        bytes = null;
        try
        {
            using var file = RegularFile.OpenToRead(path);
            using var content = new MemoryStream();
            var buffer = new byte[16 * 1024];
            for (int count; (count = RandomAccess.Read(file, buffer, content.Length)) > 0;)
            {
                content.Write(buffer, 0, count);
                if (content.Length > MaxLength)
                {
                    error = $"read {path}: file is larger than {MaxLength} bytes";
                    return false;
                }
            }
            bytes = content.ToArray();
            error = "";
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            error = $"open {path}: {Reason(exception)}";
            return false;
        }
    }

    /// <summary>The reason of a failure in the words of <c>strerror</c>.</summary>
    public static string Reason(Exception exception) => exception switch
    {
        FileNotFoundException or DirectoryNotFoundException => "No such file or directory",
        UnauthorizedAccessException => "Permission denied",
        _ => exception.Message,
    };
}
