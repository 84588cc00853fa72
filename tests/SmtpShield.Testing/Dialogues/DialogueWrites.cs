namespace SmtpShield.Testing.Dialogues;

/// <summary>How what a step of a dialogue sends is cut into writes.</summary>
public sealed class DialogueWrites
{
    private readonly Func<byte[], IEnumerable<byte[]>> _cut;

    private DialogueWrites(Func<byte[], IEnumerable<byte[]>> cut, TimeSpan pause)
    {
        _cut = cut;
        Pause = pause;
    }

    /// <summary>Each step is one write.</summary>
    public static DialogueWrites Whole { get; } = new(octets => [octets], TimeSpan.Zero);

    /// <summary>Each octet is one write.</summary>
    public static DialogueWrites Octets { get; } = new(octets => octets.Chunk(1), TimeSpan.Zero);

    /// <summary>What passes between two writes of a step.</summary>
    public TimeSpan Pause { get; }

    /// <summary>
    /// Each step that has more octets than this is two writes. A pause between them lets the server read the first one by itself; nothing depends on it.
    /// </summary>
    public static DialogueWrites CutBehind(int first) =>
        new(octets => octets.Length > first ? [octets[..first], octets[first..]] : [octets], TimeSpan.FromMilliseconds(3));

    /// <summary>The writes of a step.</summary>
    public IEnumerable<byte[]> Of(byte[] octets) => _cut(octets);
}
