using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Mta;
using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta;

/// <summary>A destination that has as many sessions as are wanted.</summary>
internal static class TestDestination
{
    /// <summary>Makes one.</summary>
    public static UpstreamDestination Of(string name, TimeProvider time) => new(
        name, time, new(int.MaxValue, Reserve: 0, ClientShare: 0), new ScriptedTransport(), NullLogger.Instance)
    {
        Metrics = new(name, null),
    };

    /// <summary>A slot of it, for a session that nobody asks for anything.</summary>
    public static Slot TakeSlot(this UpstreamDestination destination) => destination.Slots.TryTake(default, ClientStanding.Exempt, static () => { })!;
}
