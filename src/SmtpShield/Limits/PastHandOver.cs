using SmtpShield.State;

namespace SmtpShield.Limits;

/// <summary>
/// What clients were refused before a hand-over can be explained behind it, too. It is told behind the hand-over, while clients do not wait, and only of
/// <see cref="Most"/> clients; what is refused in the sessions that are left, the earlier process alone knows.
/// </summary>
/// <remarks>A line is <c>SERVICE ADDRESS/LENGTH</c> and a <see cref="PastLine"/>.</remarks>
/// <param name="table">Whose clients they are.</param>
internal sealed class PastHandOver(AnvilTable table) : IHandedOver
{
    /// <summary>Clients that are told of: those that came again first, and of these those that were refused something last.</summary>
    public const int Most = 5000;

    private readonly PastLine _lines = new(table);
    private bool _isToBeTold;

    /// <inheritdoc/>
    public string Name => "past";

    /// <inheritdoc/>
    public IEnumerable<string> Lines() => [];

    /// <inheritdoc/>
    public void Take(IReadOnlyList<string> lines)
    {
        // It comes later.
    }

    /// <inheritdoc/>
    public void Follow(HandOverSide side, Action? changed)
    {
        if (side == HandOverSide.Predecessor)
            return;
        _isToBeTold = changed is not null;
        changed?.Invoke();
    }

    /// <inheritdoc/>
    public IEnumerable<string> News(HandOverSide side)
    {
        if (side == HandOverSide.Predecessor || !_isToBeTold)
            return [];
        _isToBeTold = false;
        return table.History.Newest(Most).Select(known => $"{AnvilKeyText.Of(known.Key)} {_lines.Of(known.Past)}");
    }

    /// <inheritdoc/>
    public void Hear(HandOverSide side, string line)
    {
        if (side == HandOverSide.Predecessor && line.Split(' ', 3) is [var service, var prefix, var text]
            && AnvilKeyText.TryRead(service, prefix, out var key) && _lines.Read(text) is { } past)
        {
            table.History.Restore(key, past);
        }
    }

    /// <inheritdoc/>
    public void HearEnd(HandOverSide side)
    {
        // What it knew holds.
    }
}
