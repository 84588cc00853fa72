using SmtpShield.Mta;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta;

/// <summary>The ends of connections to MTAs, which nobody waits for: an MTA that does not close is waited for by the clock.</summary>
internal static class Departures
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Lets connections end, moving the clock as far as they wait.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="areOver">Whether all have ended.</param>
    public static void LetConnectionsEnd(this FakeTimeProvider time, Func<bool> areOver) => Assert.That(
        SpinWait.SpinUntil(
            () =>
            {
                if (!areOver() && time.NextDue is { } due && due <= UpstreamDeparture.Patience)
                    time.Advance(due);
                return areOver();
            },
            s_patience),
        "A connection to an MTA does not end.");
}
