using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Mta.Learned;
using SmtpShield.Options;

namespace SmtpShield.Tests.Session;

/// <summary>What is known of one MTA, in memory of the test's own.</summary>
internal static class TestMemory
{
    /// <summary>The MTA.</summary>
    public const string Destination = "192.0.2.25:25";

    private static readonly ShieldOptions s_options = new();

    /// <summary>Makes one that knows nothing yet.</summary>
    public static MtaMemory Of(TimeProvider time, ILoggerFactory? factory = null) =>
        new(new(time, (factory ?? NullLoggerFactory.Instance).CreateLogger<LearnedMtas>()), "smtp", s_options, isInTls: false, static () => [Destination]);
}
