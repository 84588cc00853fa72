using System.Net;

namespace SmtpShield.Listening;

/// <summary>The loops that accept clients, one for each end point.</summary>
/// <param name="time">The clock.</param>
internal sealed class AcceptLoops(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<AcceptLoop> _loops = [];

    /// <summary>Adds one, which has not begun.</summary>
    public AcceptLoop Add(EndPoint endpoint)
    {
        var loop = new AcceptLoop(endpoint, time);
        lock (_gate)
            _loops.Add(loop);
        return loop;
    }

    /// <summary>Those where nobody has waited for a client for longer than a span.</summary>
    public IReadOnlyList<AcceptLoop> IdleFor(TimeSpan span)
    {
        lock (_gate)
            return _loops.FindAll(loop => loop.IdleFor > span);
    }
}
