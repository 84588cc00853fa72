using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Observe;

/// <summary>
/// Writes log lines the way Postfix does, as bytes into a buffer the caller keeps. Not thread-safe: it belongs to the one writer of the log.
/// </summary>
/// <remarks>
/// The file form is <c>Mon dd hh:mm:ss host name/process[pid]: text</c>, as Postfix writes to <c>maillog_file</c>; the syslog form is that of RFC 3164
/// as the C library's <c>syslog()</c> sends it: <c>&lt;PRI&gt;Mon dd hh:mm:ss name/process[pid]: text</c>, no host, day padded with a blank.
/// </remarks>
internal sealed class MaillogFormatter
{
    /// <summary>The longest line, header included, its line end not.</summary>
    /// <value>Octets; 2048.</value>
    public const int MaxLength = 2048;

    private const string Months = "JanFebMarAprMayJunJulAugSepOctNovDec";

    private readonly TimeZoneInfo _zone;
    private readonly byte[] _host;
    private readonly byte[] _name;
    private readonly Dictionary<string, byte[]> _nameOfService;
    private readonly byte[] _processId;
    private readonly int _facility;
    private readonly byte[] _stamp = new byte["Mon dd hh:mm:ss ".Length];
    private readonly byte _dayPadding;
    private readonly bool _syslog;
    private long _stampSecond = long.MinValue;

    private MaillogFormatter(ShieldOptions options, TimeZoneInfo zone, int processId, bool syslog)
    {
        _zone = zone;
        _host = Encoding.ASCII.GetBytes(options.Smtpd.MyHostname.Split('.')[0]);
        _name = Encoding.ASCII.GetBytes(options.Log.SyslogName);
        _nameOfService = options.Services.ToDictionary(service => service.Key, service => Encoding.ASCII.GetBytes(service.Value.Log.SyslogName),
            StringComparer.Ordinal);
        _processId = Encoding.ASCII.GetBytes(processId.ToString(CultureInfo.InvariantCulture));
        _facility = SyslogFacility.TryParse(options.Log.SyslogFacility, out var facility) ? facility : SyslogFacility.Mail;
        _syslog = syslog;
        _dayPadding = syslog ? (byte)' ' : (byte)'0';
    }

    /// <summary>Lines for a file or a stream.</summary>
    public static MaillogFormatter ForFile(ShieldOptions options, TimeZoneInfo zone, int processId) => new(options, zone, processId, syslog: false);

    /// <summary>Datagrams for the syslog daemon.</summary>
    public static MaillogFormatter ForSyslog(ShieldOptions options, TimeZoneInfo zone, int processId) => new(options, zone, processId, syslog: true);

    /// <summary>Formats a line, without a line end, cut at <see cref="MaxLength"/>; <paramref name="destination"/> has at least that length.</summary>
    /// <returns>The octets written.</returns>
    public int Format(in MaillogLine line, Span<byte> destination)
    {
        var writer = new Writer(destination[..MaxLength]);
        if (_syslog)
        {
            writer.Byte((byte)'<');
            writer.Number((_facility << 3) | SyslogSeverity(line.Level));
            writer.Byte((byte)'>');
        }

        writer.Bytes(Stamp(line.Time));
        if (!_syslog)
        {
            writer.Bytes(_host);
            writer.Byte((byte)' ');
        }

        writer.Bytes(NameOf(line));
        writer.Byte((byte)'/');
        writer.Text(line.Process);
        writer.Byte((byte)'[');
        writer.Bytes(_processId);
        writer.Bytes("]: "u8);
        writer.Text(SeverityWord(line.Level));
        writer.Text(line.Text);
        if (line.Exception is { } exception)
        {
            writer.Bytes(" ("u8);
            writer.Text(exception.GetType().Name);
            writer.Bytes(": "u8);
            writer.Text(exception.Message);
            writer.Byte((byte)')');
        }

        return writer.Written;
    }

    // As in Postfix, where -o syslog_name is smtpd's: master, which says that a service is at its limit, has its own.
    private byte[] NameOf(in MaillogLine line) =>
        line.Service is { } service && line.Process == ProcessName.Smtpd && _nameOfService.TryGetValue(service, out var name) ? name : _name;

    private static string SeverityWord(LogLevel level) => level switch
    {
        LogLevel.Warning => "warning: ",
        LogLevel.Error => "error: ",
        LogLevel.Critical => "fatal: ",
        _ => "",
    };

    // RFC 3164 section 4.1.1: critical 2, error 3, warning 4, informational 6, debug 7. Postfix's fatal is critical (msg_syslog.c).
    private static int SyslogSeverity(LogLevel level) => level switch
    {
        LogLevel.Critical => 2,
        LogLevel.Error => 3,
        LogLevel.Warning => 4,
        LogLevel.Information => 6,
        _ => 7,
    };

    // Most lines share their second with the line before.
    private ReadOnlySpan<byte> Stamp(DateTimeOffset time)
    {
        var second = time.UtcTicks / TimeSpan.TicksPerSecond;
        if (second == _stampSecond)
            return _stamp;

        _stampSecond = second;
        var local = TimeZoneInfo.ConvertTime(time, _zone);
        Encoding.ASCII.GetBytes(Months.AsSpan(3 * (local.Month - 1), 3), _stamp);
        _stamp[3] = _stamp[6] = _stamp[15] = (byte)' ';
        TwoDigits(local.Day, 4, _dayPadding);
        TwoDigits(local.Hour, 7);
        TwoDigits(local.Minute, 10);
        TwoDigits(local.Second, 13);
        _stamp[9] = _stamp[12] = (byte)':';
        return _stamp;
    }

    private void TwoDigits(int value, int offset, byte padding = (byte)'0')
    {
        _stamp[offset] = value < 10 ? padding : (byte)('0' + value / 10);
        _stamp[offset + 1] = (byte)('0' + value % 10);
    }

    /// <summary>Writes until the destination is full, and silently nothing after that: a line that is too long is cut.</summary>
    private ref struct Writer(Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Written { get; private set; }

        public void Byte(byte value)
        {
            if (Written < _destination.Length)
                _destination[Written++] = value;
        }

        public void Bytes(ReadOnlySpan<byte> values)
        {
            var fitting = values[..Math.Min(values.Length, _destination.Length - Written)];
            fitting.CopyTo(_destination[Written..]);
            Written += fitting.Length;
        }

        // The last line of defence (Postfix printable()): callers have escaped client text before, this only keeps a line one line of ASCII.
        public void Text(ReadOnlySpan<char> text)
        {
            var fitting = text[..Math.Min(text.Length, _destination.Length - Written)];
            foreach (var character in fitting)
                _destination[Written++] = character is >= ' ' and <= '~' ? (byte)character : (byte)'?';
        }

        public void Number(int value)
        {
            value.TryFormat(_destination[Written..], out var written, default, CultureInfo.InvariantCulture);
            Written += written;
        }
    }
}
