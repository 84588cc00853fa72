using SmtpShield.Listening;

namespace SmtpShield.Tests.Listening;

/// <summary>Sessions of which as many can be ended as the test says; it keeps what was asked for.</summary>
internal sealed class ShedSessions : IOpenSessions
{
    /// <summary>How many end each time.</summary>
    public int Count { get; set; } = 3;

    /// <summary>What was asked for, in mebibytes.</summary>
    public List<(long Mebibytes, bool IsUrgent)> Asked { get; } = [];

    /// <summary>For which services a place was asked for, and how many.</summary>
    public List<(string Service, int AtMost)> Places { get; } = [];

    /// <inheritdoc/>
    public int MakeRoom(string service, int atMost)
    {
        Places.Add((service, atMost));
        return 0;
    }

    /// <inheritdoc/>
    public int Shed(long octets, bool isUrgent)
    {
        Asked.Add(((octets + (1 << 19)) >> 20, isUrgent));
        return Count;
    }
}
