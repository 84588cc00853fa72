using SmtpShield.Limits;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Session;

/// <summary>Counts a command for its client, once, though it may be judged several times: while other shields are to be heard first it waits.</summary>
/// <param name="wake">Makes the session's loop look again.</param>
internal sealed class CommandCounts(Action wake)
{
    private SharedWait? _wait;

    /// <summary>Counts the command that is judged, unless that was done before.</summary>
    /// <param name="client">Its client.</param>
    /// <param name="limit">The limit on it.</param>
    /// <param name="count">The client's events in the window, this one included.</param>
    /// <returns>False: it waits, and is to be judged again.</returns>
    public bool TryCount(ClientCounter client, ClientLimit limit, out int count)
    {
        count = 0;
        if (_wait is null)
        {
            count = client.Count(limit, out _wait);
            if (_wait is null)
                return true;
        }

        if (_wait.TryWait(wake))
            return false;

        count = _wait.Counts.Of(limit.Event!.Value);
        _wait = null;
        return true;
    }

    /// <summary>The command is judged: the next one is counted.</summary>
    public void Forget() => _wait = null;
}
