using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Tests.Listening;

/// <summary>What fits into a process that a test makes up.</summary>
internal static class TestCapacity
{
    /// <summary>Room for so many connections; an eighth of them, at most 2000, may be closing.</summary>
    public static SessionCapacity Of(ShieldSnapshot snapshot, int connections) => new(
        snapshot,
        new ProcessResources(SessionBound.DescriptorReserve * 2 + snapshot.Current.Listener.Endpoints.Count + connections * 2,
            SessionBound.DescriptorReserve, long.MaxValue),
        NullLogger<SessionCapacity>.Instance);
}
