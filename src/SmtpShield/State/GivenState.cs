namespace SmtpShield.State;

/// <summary>What a shield gives its successor: the lines that it would write into each file of the state directory, and of what is in no file.</summary>
internal sealed class GivenState
{
    private readonly Dictionary<string, List<string>> _lines = new(StringComparer.Ordinal);

    /// <summary>Adds a line.</summary>
    /// <param name="name">Of what.</param>
    /// <param name="line">The line.</param>
    public void Add(string name, string line)
    {
        if (!_lines.TryGetValue(name, out var lines))
            _lines[name] = lines = [];
        lines.Add(line);
    }

    /// <summary>Takes the lines of something, once: none when there are none.</summary>
    public IReadOnlyList<string> Take(string name) => _lines.Remove(name, out var lines) ? lines : [];
}
