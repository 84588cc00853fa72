using SmtpShield.Options;

namespace SmtpShield.Mta.Slots;

/// <summary>How many sessions there may be at a destination, and on which terms clients get them.</summary>
/// <param name="Limit">Sessions at the same time, the limit in force.</param>
/// <param name="Reserve">Of these, those that are kept free for known good clients.</param>
/// <param name="ClientShare">Percent of the free ones below which a range has to stay to get another one; 0: ranges have no share.</param>
/// <param name="IsPaced">Whether clients that are not known good get them no faster than the MTA copes with (<see cref="OpeningPace"/>).</param>
internal readonly record struct SlotTerms(int Limit, int Reserve, int ClientShare, bool IsPaced = false)
{
    private const int Unlimited = int.MaxValue;

    /// <summary>Whether there is a limit at all.</summary>
    public bool AreLimited => Limit < Unlimited;

    /// <summary>What is configured.</summary>
    /// <param name="options">The options.</param>
    /// <param name="shields">Among how many shields the sessions are divided. Each has one at least.</param>
    public static SlotTerms Of(UpstreamOptions options, int shields)
    {
        if (options.SessionLimit == 0)
            return new(Unlimited, options.SessionReserve, options.ClientShare);

        var limit = PartOf(options.SessionLimit, shields);
        return new(limit, Math.Min(PartOf(options.SessionReserve, shields), limit - 1), options.ClientShare, IsPaced: true);
    }

    private static int PartOf(int sessions, int shields) => (int)(((long)sessions + shields - 1) / shields);

    /// <summary>
    /// How many a range may hold, the one it asks for not included, to get it while so many are free. One that holds none may always have one.
    /// </summary>
    public int ShareOf(int free) => ClientShare == 0 ? int.MaxValue : (int)Math.Max(1, (long)free * ClientShare / 100);
}
