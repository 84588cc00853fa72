namespace SmtpShield.Listening;

/// <summary>The sessions of all services, as <see cref="MemoryGuard"/> sees them: what can be ended when memory runs out.</summary>
internal interface IOpenSessions
{
    /// <summary>Asks sessions to end, at most an eighth of those that are open, and at least eight.</summary>
    /// <param name="octets">What they should hold together.</param>
    /// <param name="isUrgent">Whether sessions that hold next to nothing, and those inside content, may be among them.</param>
    /// <returns>How many were asked.</returns>
    int Shed(long octets, bool isUrgent);
}
