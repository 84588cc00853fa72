using System.Buffers;
using Microsoft.Win32.SafeHandles;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Observe;

/// <summary>
/// The <c>maillog_file</c>, or the <c>shield_event_log_file</c>: lines are appended to it, on Linux behind those that other programs have written meanwhile
/// (<c>O_APPEND</c>). A rotated file is followed after a reopening, a truncated one at once.
/// </summary>
/// <remarks>
/// Created with mode 0600, as Postfix does (<c>maillog_file_permissions</c>): who may read who mails whom is for the administrator to widen, and the mode of a
/// file that exists, for example one made by logrotate's <c>create 0640 smtpshield adm</c>, is left alone.
/// </remarks>
internal sealed class FileSink : IMaillogSink
{
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private readonly SafeFileHandle _file;
    private readonly WriteLines _write;

    private FileSink(SafeFileHandle file, WriteLines write)
    {
        _file = file;
        _write = write;
    }

    /// <summary>Appends lines, each with its line end.</summary>
    public delegate void WriteLines(ArrayBufferWriter<byte> buffer, ReadOnlySpan<MaillogLine> lines);

    /// <summary>Opens or creates the file.</summary>
    /// <exception cref="MaillogFileException">It cannot be opened; the message says what to do.</exception>
    public static FileSink Open(string path, MaillogFormatter formatter) =>
        Open(path, (buffer, lines) => buffer.WriteLines(lines, formatter));

    /// <summary>Opens or creates the file, for lines of another form.</summary>
    /// <exception cref="MaillogFileException">It cannot be opened; the message says what to do.</exception>
    public static FileSink Open(string path, WriteLines write, string parameter = "maillog_file")
    {
        try
        {
            return new FileSink(RegularFile.OpenToAppend(path), write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new MaillogFileException(path, e, parameter);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken)
    {
        _buffer.ResetWrittenCount();
        _write(_buffer, lines.Span);
        try
        {
            // Linux takes the end for a file opened to append, whatever place is named. Elsewhere it is asked for each time: logrotate's copytruncate would
            // else leave a hole.
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
}
