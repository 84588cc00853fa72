using Microsoft.Extensions.Logging;

namespace SmtpShield.Control.Tuning;

internal sealed partial class Overrides
{
    // Event ids 2160 to 2179 are this folder's. Next free: 2167.
    private static partial class Log
    {
        [LoggerMessage(2160, LogLevel.Information, "control: {Name} = {Value} has ended: {Now}", EventName = "OverrideEnded")]
        public static partial void Ended(ILogger logger, string name, string value, string now);

        [LoggerMessage(2161, LogLevel.Warning, "control: {Name} = {Value} has ended: {Now}; hit {Hits} times in the last ten minutes",
            EventName = "OverrideEndedWhileHit")]
        public static partial void EndedWhileHit(ILogger logger, string name, string value, string now, long hits);

        [LoggerMessage(2162, LogLevel.Information, "control: {Name} = {Value} stays {Until}; {Origin} says {Configured}", EventName = "OverrideStays")]
        public static partial void Stays(ILogger logger, string name, string value, string until, string origin, string configured);

        [LoggerMessage(2163, LogLevel.Warning, "control: {Name} = {Value} is dropped: {Reason}", EventName = "OverrideDropped")]
        public static partial void Dropped(ILogger logger, string name, string value, string reason);

        [LoggerMessage(2164, LogLevel.Error, "control: {Name} = {Value} has ended, but stays in force: {Reason}", EventName = "OverrideNotEnded")]
        public static partial void NotEnded(ILogger logger, string name, string value, string reason);

        [LoggerMessage(2165, LogLevel.Information, "control: {Count} values set at run time are in force again", EventName = "OverridesRestored")]
        public static partial void Restored(ILogger logger, int count);

        [LoggerMessage(2166, LogLevel.Warning, "control: {Count} values set at run time are not in force again: {Reason}", EventName = "OverridesNotRestored")]
        public static partial void NotRestored(ILogger logger, int count, string reason);
    }
}
