namespace SmtpShield.Mta.Stress;

/// <summary>
/// How many sessions an MTA gets that does not cope with what it has: three tenths fewer every ten seconds, and a twentieth of its limit more when it copes
/// again. Never so few that known good clients have no way in. Not thread-safe.
/// </summary>
internal sealed class LimitUnderStress
{
    private const int StepsBetween = 10;
    private const double Falls = 0.7;
    private const double Rises = 0.05;
    private const double Least = 0.1;
    private const int BesidesReserve = 2;

    private int _steps = StepsBetween;
    private int? _limit;

    /// <summary>How many it gets.</summary>
    /// <param name="limit">How many it may have without stress.</param>
    public int Of(int limit) => Math.Min(limit, _limit ?? limit);

    /// <summary>Takes a second.</summary>
    /// <param name="isTooMuch">Whether it does not cope.</param>
    /// <param name="limit">How many sessions it may have without stress.</param>
    /// <param name="reserve">Of these, those for known good clients.</param>
    public void Step(bool isTooMuch, int limit, int reserve)
    {
        _steps = Math.Min(_steps + 1, StepsBetween);
        if (_steps < StepsBetween || (!isTooMuch && _limit is null))
            return;

        _steps = 0;
        var now = Of(limit);
        if (isTooMuch)
            _limit = Math.Max((int)Math.Round(now * Falls), Math.Min(limit, Math.Max(reserve + BesidesReserve, (int)Math.Ceiling(limit * Least))));
        else
            _limit = now + (int)Math.Ceiling(limit * Rises) is var more && more < limit ? more : null;
    }
}
