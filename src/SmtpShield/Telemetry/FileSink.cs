using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace SmtpShield.Telemetry;

/// <summary>The <c>maillog_file</c>: lines are appended to it. A rotated file is followed after a reopening, a truncated one at once.</summary>
/// <remarks>
/// Created with mode 0600, as Postfix does (<c>maillog_file_permissions</c>): who may read who mails whom is for the administrator to widen, and the mode of a file that
/// exists, for example one made by logrotate's <c>create 0640 smtpshield adm</c>, is left alone.
/// </remarks>
internal sealed class FileSink : IMaillogSink
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly SafeFileHandle _file;
    private readonly MaillogFormatter _formatter;

    private FileSink(SafeFileHandle file, MaillogFormatter formatter)
    {
        _file = file;
        _formatter = formatter;
    }

    /// <summary>Opens or creates the file.</summary>
    /// <exception cref="MaillogFileException">It cannot be opened; the message says what to do.</exception>
    public static FileSink Open(string path, MaillogFormatter formatter)
    {
        try
        {
            using var created = new FileStream(path, Creation());
            // The mode of creation belongs to a FileStream only; a handle of its own lets a write name its place in the file.
            return new FileSink(File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, FileOptions.Asynchronous), formatter);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new MaillogFileException(path, e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken)
    {
        _buffer.ResetWrittenCount();
        _buffer.WriteLines(lines.Span, _formatter);
        try
        {
            // The end is asked for each time and not remembered: logrotate's copytruncate would otherwise leave a hole as long as the old file.
            await RandomAccess.WriteAsync(_file, _buffer.WrittenMemory, RandomAccess.GetLength(_file), cancellationToken);
            return lines.Length;
        }
        catch (IOException)
        {
            // No space left: what was written of the batch is written again, whole.
            return 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static FileStreamOptions Creation()
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return options;
    }
}
