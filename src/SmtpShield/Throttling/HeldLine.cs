using Microsoft.Extensions.Logging;

namespace SmtpShield.Throttling;

/// <summary>A line that may be logged later, as text.</summary>
/// <param name="Log">Where it goes.</param>
/// <param name="Level">Its level.</param>
/// <param name="Id">Its event.</param>
/// <param name="Text">What it says.</param>
internal readonly record struct HeldLine(ILogger Log, LogLevel Level, EventId Id, string Text)
{
    /// <summary>Logs it.</summary>
    public void Write() => Log.Log(Level, Id, Text, null, static (text, _) => text);
}
