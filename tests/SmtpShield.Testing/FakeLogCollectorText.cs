using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace SmtpShield.Testing;

/// <summary>What all loggers of a collector were given, as text.</summary>
public static class FakeLogCollectorText
{
    extension(FakeLogCollector log)
    {
        /// <summary>The lines so far, without their levels; an exception is behind its line.</summary>
        public IReadOnlyList<string> Lines => [.. log.GetSnapshot().Select(TextOf)];

        /// <summary>The lines so far that say something failed that must not.</summary>
        public IReadOnlyList<string> Errors => [.. log.GetSnapshot().Where(static record => record.Level >= LogLevel.Error).Select(TextOf)];
    }

    private static string TextOf(FakeLogRecord record) => record.Exception is null ? record.Message : $"{record.Message}: {record.Exception}";
}
