namespace SmtpShield.Listening;

/// <summary>The sessions of all services, as those see them who run out of memory or places: what can be ended.</summary>
internal interface IOpenSessions
{
    /// <summary>Asks sessions to end, at most an eighth of those that are open, and at least eight.</summary>
    /// <param name="octets">What they should hold together.</param>
    /// <param name="isUrgent">Whether sessions that hold next to nothing, and those inside content, may be among them.</param>
    /// <returns>How many were asked.</returns>
    int Shed(long octets, bool isUrgent);

    /// <summary>Asks sessions of a service to end whose clients are silent, because others wait for their places.</summary>
    /// <param name="service">The service.</param>
    /// <param name="atMost">How many.</param>
    /// <returns>How many were asked.</returns>
    int MakeRoom(string service, int atMost);
}
