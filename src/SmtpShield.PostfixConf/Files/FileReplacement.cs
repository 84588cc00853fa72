namespace SmtpShield.PostfixConf.Files;

/// <summary>
/// Replaces a file's content so that a reader, or a crash, sees the old content or the new, never a part. Owner and mode stay; a symbolic link stays and its
/// target is replaced.
/// </summary>
internal static class FileReplacement
{
    private const int MaxAttempts = 10;
    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Reads a file, changes its content, and puts it in place; begins anew when someone else changed the file meanwhile.</summary>
    /// <param name="path">The file.</param>
    /// <param name="change">The new content for the content.</param>
    /// <returns>What failed; empty on success.</returns>
    public static string TryChange(string path, Func<byte[], byte[]> change)
    {
        try
        {
            if (RegularFile.WhyNot(path) is { Length: > 0 } whyNot)
                return $"open {path} for reading: {whyNot}";
            if (!File.Exists(path))
                return $"open {path} for reading: No such file or directory";
            var target = new FileInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
            for (var attempt = 0; attempt < MaxAttempts; attempt++)
            {
                if (!ConfigurationText.TryReadBytes(target, out var before, out var error))
                    return error.Replace($"open {target}:", $"open {path} for reading:", StringComparison.Ordinal);
                if (TryReplace(target, before, change(before)))
                    return "";
            }
            return $"{path}: changed by someone else while it was edited";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"{path}: {ConfigurationText.Reason(exception)}";
        }
    }

    /// <summary>Makes a file that does not exist yet, readable by everyone; it appears with its whole content.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">The content.</param>
    /// <returns>What failed; empty on success.</returns>
    public static string TryCreate(string path, byte[] content)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            try
            {
                Write(temporary, content);
                if (!OperatingSystem.IsWindows())
                    File.SetUnixFileMode(temporary, Readable);
                File.Move(temporary, path, overwrite: false);
                return "";
            }
            finally
            {
                File.Delete(temporary);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"{path}: {ConfigurationText.Reason(exception)}";
        }
    }

    private static bool TryReplace(string path, byte[] before, byte[] after)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            Write(temporary, after);
            if (!OperatingSystem.IsWindows())
            {
                if (!UnixOwner.TryCopy(path, temporary))
                    throw new UnauthorizedAccessException();
                File.SetUnixFileMode(temporary, File.GetUnixFileMode(path));
            }
            if (!ConfigurationText.TryReadBytes(path, out var now, out _) || !now.AsSpan().SequenceEqual(before))
                return false;
            File.Move(temporary, path, overwrite: true);
            return true;
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static void Write(string path, byte[] content)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new FileStream(path, options);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }
}
