using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace SmtpShield.Control.Events;

/// <summary>An event of the stream, as all its readers get it. Its text is made when one of them needs it: what is only kept stays a value.</summary>
internal sealed class EventFrame
{
    private static readonly string[] _words = [.. Enum.GetValues<StreamTopic>().Select(static topic => topic.Word())];

    private readonly string _epoch;
    private readonly object _value;
    private readonly JsonTypeInfo _type;
    private byte[]? _text;

    /// <summary>Takes what it says.</summary>
    /// <param name="epoch">Which start of the program numbers it.</param>
    /// <param name="number">Its number.</param>
    /// <param name="topic">What it is about.</param>
    /// <param name="value">What it says, which does not change any more.</param>
    /// <exception cref="NotSupportedException">The value is of a type that <see cref="ControlJson"/> does not know.</exception>
    public EventFrame(string epoch, long number, StreamTopic topic, object value)
    {
        (_epoch, Number, Topic, _value) = (epoch, number, topic, value);
        _type = ControlJson.Default.GetTypeInfo(value.GetType()) ?? throw new NotSupportedException($"{value.GetType()} is no event");
    }

    /// <summary>Its number, from 1 at the start of the program.</summary>
    public long Number { get; }

    /// <summary>What it is about.</summary>
    public StreamTopic Topic { get; }

    /// <summary>Whether it is text already.</summary>
    public bool IsText => Volatile.Read(ref _text) is not null;

    /// <summary>Its lines, the empty one behind them included. Two who ask at the same time may both make them; they are the same.</summary>
    public byte[] Text
    {
        get
        {
            if (Volatile.Read(ref _text) is { } known)
                return known;
            var text = Encoding.ASCII.GetBytes(
                $"id: {_epoch}-{Number}\nevent: {_words[(int)Topic]}\ndata: {JsonSerializer.Serialize(_value, _type)}\n\n");
            Volatile.Write(ref _text, text);
            return text;
        }
    }
}
