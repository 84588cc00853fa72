using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Control.Admin;

/// <summary>
/// How much of a processor guesses of passwords may take, wherever they come from: <see cref="Most"/> a minute that were wrong. Sources from which somebody has
/// logged in are not counted and not refused, so that a flood of guesses keeps nobody out who was there before; of these <see cref="Known"/> are known.
/// </summary>
internal sealed class HashingBudget(TimeProvider time)
{
    /// <summary>Guesses a minute, a quarter of a processor's time.</summary>
    public const int Most = 60;

    /// <summary>Sources that are known at most; the one that has logged in the longest ago goes first.</summary>
    public const int Known = 64;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<ClientRange, long> _known = [];
    private long _since;
    private int _taken;

    /// <summary>A source guesses, and it is counted until it is known to be right.</summary>
    /// <param name="source">Where it comes from.</param>
    /// <param name="wait">How long it has to wait otherwise.</param>
    /// <returns>False: there are none left in this minute.</returns>
    public bool TryTake(IPAddress source, out TimeSpan wait)
    {
        wait = TimeSpan.Zero;
        lock (_gate)
        {
            if (_known.ContainsKey(LoginLimit.RangeOf(source)))
                return true;
            if (_taken == 0 || time.GetElapsedTime(_since) >= Minute)
                (_since, _taken) = (time.GetTimestamp(), 0);
            if (_taken == Most)
            {
                wait = Minute - time.GetElapsedTime(_since);
                return false;
            }

            _taken++;
            return true;
        }
    }

    /// <summary>Somebody has logged in from a source.</summary>
    public void NoteLogin(IPAddress source)
    {
        var range = LoginLimit.RangeOf(source);
        lock (_gate)
        {
            if (!_known.ContainsKey(range))
            {
                _taken = Math.Max(0, _taken - 1);
                if (_known.Count == Known)
                    _known.Remove(_known.MinBy(static pair => pair.Value).Key);
            }

            _known[range] = time.GetTimestamp();
        }
    }
}
