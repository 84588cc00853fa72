using Microsoft.Extensions.Logging.Testing;

namespace SmtpShield.Testing;

/// <summary>What a logger was given, as text.</summary>
public static class FakeLoggerText
{
    extension(FakeLogger log)
    {
        /// <summary>The lines so far, each behind its level: <c>Warning: text</c>.</summary>
        public IReadOnlyList<string> Lines => [.. log.Collector.GetSnapshot().Select(static record => $"{record.Level}: {record.Message}")];
    }
}
