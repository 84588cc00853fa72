using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Mta.Learned;

/// <summary>
/// What MTAs say is known by the process that takes over, too: it need not dial for its first clients. A line is
/// <c>mta SERVICE DESTINATION HANDOFF TLS INSIDE</c> (<see cref="LearnedKey"/>), and those behind it are what this one says.
/// </summary>
/// <param name="learned">What is known.</param>
internal sealed class LearnedHandOver(LearnedMtas learned) : IHandedOver
{
    private const string Mta = "mta";

    /// <inheritdoc/>
    public string Name => "learned";

    /// <inheritdoc/>
    public IEnumerable<string> Lines()
    {
        foreach (var (key, known) in learned.All)
        {
            yield return $"{Mta} {key.Service} {key.Destination} {key.Handoff} {key.Tls} {key.IsInTls}";
            foreach (var line in known.Lines())
                yield return line;
        }
    }

    /// <inheritdoc/>
    public void Take(IReadOnlyList<string> lines)
    {
        LearnedReplies? known = null;
        foreach (var line in lines)
        {
            if (!line.StartsWith(Mta + " ", StringComparison.Ordinal))
                known?.Take(line);
            else
                known = TryKey(line, out var key) ? learned.Of(key) : null;
        }
    }

    /// <inheritdoc/>
    public void Follow(HandOverSide side, Action? changed)
    {
        // What is learned later, each process learns.
    }

    /// <inheritdoc/>
    public IEnumerable<string> News(HandOverSide side) => [];

    /// <inheritdoc/>
    public void Hear(HandOverSide side, string line)
    {
        // Nothing is said.
    }

    /// <inheritdoc/>
    public void HearEnd(HandOverSide side)
    {
        // What it knew holds.
    }

    private static bool TryKey(string line, out LearnedKey key)
    {
        key = default;
        if (line.Split(' ') is not [_, var service, var destination, var handoff, var tls, var inside] || !Enum.TryParse(handoff, out ClientHandoff its)
            || !Enum.TryParse(tls, out UpstreamTlsSecurityLevel level) || !bool.TryParse(inside, out var isInTls))
        {
            return false;
        }

        key = new(service, destination, its, level, isInTls);
        return true;
    }
}
