using SmtpShield.Mta;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>The ends of connections to MTAs, which nobody waits for: an MTA that does not close is waited for by the clock.</summary>
internal static class Departures
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Lets connections end, moving the clock as far as they wait, and not for what else waits: that would be over before it had its turn.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="areOver">Whether all have ended.</param>
    public static void LetConnectionsEnd(this FakeTimeProvider time, Func<bool> areOver) =>
        Assert.That(AreOver(time, static time => time.NextDueOf(UpstreamDeparture.Patience), areOver), "A connection to an MTA does not end.");

    /// <summary>Lets everything end that waits, for a session with the MTA too, moving the clock from one time to the next.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="areOver">Whether all have ended.</param>
    public static void LetWaitsEnd(this FakeTimeProvider time, Func<bool> areOver) =>
        Assert.That(AreOver(time, static time => time.NextDue, areOver), "A wait does not end.");

    private static bool AreOver(FakeTimeProvider time, Func<FakeTimeProvider, TimeSpan?> next, Func<bool> areOver) => SpinWait.SpinUntil(
        () =>
        {
            if (!areOver() && next(time) is { } due)
                time.Advance(due);
            return areOver();
        },
        s_patience);
}
