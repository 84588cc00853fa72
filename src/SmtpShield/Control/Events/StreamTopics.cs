namespace SmtpShield.Control.Events;

/// <summary>Some topics of the stream.</summary>
/// <param name="Bits">A bit for each.</param>
internal readonly record struct StreamTopics(int Bits)
{
    private const string Parameter = "topics";

    /// <summary>All of them.</summary>
    public static StreamTopics All { get; } = new((1 << Enum.GetValues<StreamTopic>().Length) - 1);

    /// <summary>Whether a topic is among them.</summary>
    public bool Contains(StreamTopic topic) => (Bits & (1 << (int)topic)) != 0;

    /// <summary>All of these but one.</summary>
    public StreamTopics Without(StreamTopic topic) => new(Bits & ~(1 << (int)topic));

    /// <summary>Reads words separated by commas.</summary>
    /// <exception cref="ControlException">One is no topic.</exception>
    public static StreamTopics Parse(string text) =>
        new(text.Split(',').Aggregate(0, static (bits, word) => bits | (1 << (int)SnakeCase.Parse<StreamTopic>(word, Parameter))));
}
