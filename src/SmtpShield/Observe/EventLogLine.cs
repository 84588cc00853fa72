using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Observe;

/// <summary>
/// Writes log events as JSON, a line each: <c>time</c>, <c>id</c>, <c>name</c>, <c>level</c>, <c>process</c>, and as far as there are such, <c>service</c>,
/// <c>client</c> and its <c>address</c>, <c>fields</c>, what else the event has, <c>text</c>, which is the mail log's line, and <c>error</c>.
/// Everything but printable ASCII is escaped.
/// </summary>
internal static class EventLogLine
{
    private const string Client = "Client";
    private const string Service = "Service";
    private const string Template = "{OriginalFormat}";
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    // Of a field; a text is as long as its event makes it.
    private const int LongestField = 1024;

    private static readonly JsonEncodedText _time = JsonEncodedText.Encode("time");
    private static readonly JsonEncodedText _text = JsonEncodedText.Encode("text");

    /// <summary>Appends the lines, each with its line end.</summary>
    public static void WriteLines(ArrayBufferWriter<byte> buffer, ReadOnlySpan<MaillogLine> lines)
    {
        using var writer = new Utf8JsonWriter(buffer);
        foreach (ref readonly var line in lines)
        {
            writer.Reset(buffer);
            Write(writer, line);
            writer.Flush();
            buffer.Write("\n"u8);
        }
    }

    private static void Write(Utf8JsonWriter writer, in MaillogLine line)
    {
        writer.WriteStartObject();
        writer.WriteString(_time, line.Time.UtcDateTime.ToString(TimeFormat, System.Globalization.CultureInfo.InvariantCulture));
        writer.WriteNumber("id", line.Id.Id);
        if (line.Id.Name is { } name)
            writer.WriteString("name", name);
        writer.WriteString("level", WordOf(line.Level));
        writer.WriteString("process", line.Process);
        if (ServiceOf(line) is { } service)
            writer.WriteString("service", service);
        WriteFields(writer, line.Fields);
        writer.WriteString(_text, line.Text);
        if (line.Exception is { } exception)
            writer.WriteString("error", $"{exception.GetType().Name}: {exception.Message}");
        writer.WriteEndObject();
    }

    private static string? ServiceOf(in MaillogLine line) =>
        line.Service ?? line.Fields?.FirstOrDefault(static field => field.Key == Service).Value?.ToString();

    private static void WriteFields(Utf8JsonWriter writer, IReadOnlyList<KeyValuePair<string, object?>>? fields)
    {
        if (fields is null)
            return;
        if (fields.FirstOrDefault(static field => field.Key == Client).Value?.ToString() is { } client)
        {
            writer.WriteString("client", client);
            // As in the mail log: name[address].
            if (client.LastIndexOf('[') is >= 0 and var start && client.EndsWith(']'))
                writer.WriteString("address", client.AsSpan(start + 1, client.Length - start - 2));
        }

        var others = fields.Where(static field => field.Key is not (Client or Service or Template)).ToList();
        if (others.Count == 0)
            return;
        writer.WriteStartObject("fields");
        foreach (var (key, value) in others)
        {
            writer.WritePropertyName(JsonNamingPolicy.SnakeCaseLower.ConvertName(key));
            switch (value)
            {
                case null:
                    writer.WriteNullValue();
                    break;
                case bool flag:
                    writer.WriteBooleanValue(flag);
                    break;
                case int number:
                    writer.WriteNumberValue(number);
                    break;
                case long number:
                    writer.WriteNumberValue(number);
                    break;
                default:
                    var text = value.ToString() ?? "";
                    writer.WriteStringValue(text.Length <= LongestField ? text : text[..LongestField]);
                    break;
            }
        }

        writer.WriteEndObject();
    }

    private static string WordOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "information",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        _ => "critical",
    };
}
