using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Limits;
using SmtpShield.Throttling;

namespace SmtpShield.Tests.Throttling;

/// <summary>The throttle as the program makes it.</summary>
internal static class TestThrottle
{
    /// <summary>One whose own lines nobody sees.</summary>
    public static LogThrottle Of(AnvilTable anvil, TimeProvider time) => new(anvil, time, NullLogger<LogThrottle>.Instance);
}
