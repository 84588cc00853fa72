using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Host.Rehearsal;

/// <summary>How much one attacking address does: enough to be over the limits of a service, where these are not very high.</summary>
/// <param name="options">The service's options; limits in shadow count, too.</param>
internal sealed class AttackScale(ShieldOptions options)
{
    private const int LeastTries = 100;
    private const int MostTries = 1500;
    private const int LeastConnections = 20;
    private const int MostConnections = 150;

    private readonly SmtpdLimitOptions[] _limits = options.InShadow is { } shadow ? [options.Limits, shadow.Limits] : [options.Limits];

    /// <summary>Connections at the same time; 20 to 150.</summary>
    public int Connections => Above(Highest([ClientLimits.ConnectionCount]), LeastConnections, MostConnections);

    /// <summary>Junk commands in a session; 100 to 1500. Those above the limit are errors, and these have one, too.</summary>
    public int Junk => Above(
        _limits.Select(static limits => limits.JunkCommandLimit).Where(static limit => limit != int.MaxValue).DefaultIfEmpty().Max()
            + (long)_limits.Min(static limits => limits.HardErrorLimit),
        LeastTries,
        MostTries);

    /// <summary>What one does one behind the other, as connections or guesses; 100 to 1500.</summary>
    /// <param name="limits">The limits it is to be over.</param>
    public int Tries(IEnumerable<ClientLimit> limits) => Above(Highest(limits), LeastTries, MostTries);

    private int Highest(IEnumerable<ClientLimit> limits) => limits.SelectMany(limit => _limits.Select(limit.Value)).DefaultIfEmpty().Max();

    // By a quarter, because some tries are refused by other limits before they are counted.
    private static int Above(long limit, int least, int most) => (int)Math.Clamp(limit * 5 / 4 + 20, least, most);
}
