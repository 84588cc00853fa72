using Microsoft.Extensions.Logging;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Shadow;
using SmtpShield.Throttling;

namespace SmtpShield.Session;

/// <summary>
/// Writes <c>connect from</c> for every identified connection, refused ones too, how it ended, and exactly one <c>disconnect from</c>, on every path; of a
/// proxy's own connections one line at debug level. By then the client's counts are back.
/// </summary>
internal sealed partial class RecordSession(
    AnvilTable anvil, LogThrottle throttle, ServiceMetrics metrics, Dismissal dismissal, ShadowBook shadow, TimeProvider time, ILogger<RecordSession> log)
    : IConnectionStage<IdentifiedConnection, ClientConnection>
{
    /// <inheritdoc />
    public async Task InvokeAsync(IdentifiedConnection identified, Func<ClientConnection, Task> next)
    {
        var client = identified.Client;
        var isExempt = ClientExceptions.Contain(identified.Options.AtStart, client);
        AnvilKey? key = isExempt ? null : new(identified.Options.Service, client.Range);
        var lines = identified.Proxy.IsLocal ? ClientLines.Unlimited : new(throttle, identified.Options, key, client.NameAddress);
        var connection = new ClientConnection(
            identified, key is null ? null : new(anvil, key.Value, client.Address), lines,
            identified.Proxy.IsLocal ? ServiceMetrics.Uncounted : metrics, shadow)
        {
            Dismissal = dismissal,
        };
        var start = time.GetTimestamp();
        var through = lines.Through(log);
        foreach (var note in identified.Notes)
            note(lines.Through);
        if (!connection.IsCheck)
            Log.Connected(through, client.NameAddress);
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        catch
        {
            connection.EndWith(new(SessionEndReason.Failed));
            throw;
        }
        finally
        {
            connection.Dispose();
            Count(connection, time.GetElapsedTime(start));
            SessionLog.Write(through, connection);
            if (connection.IsCheck)
                Log.Checked(through, client.NameAddress, connection.Statistics.Describe());
            else
                Log.Disconnected(through, client.NameAddress, connection.Statistics.Describe());
            lines.End();
        }
    }

    // A connection that nobody has ended with a reason can only have failed.
    private static void Count(ClientConnection connection, TimeSpan lasted)
    {
        var reason = connection.End?.Reason ?? SessionEndReason.Failed;
        connection.NoteOutcome(ConnectionOutcomes.Of(reason));
        connection.Metrics.NoteEnd(reason, lasted);
    }

    private static partial class Log
    {
        [LoggerMessage(1400, LogLevel.Information, "connect from {Client}", EventName = "Connected")]
        public static partial void Connected(ILogger logger, string client);

        [LoggerMessage(1401, LogLevel.Information, "disconnect from {Client}{Statistics}", EventName = "Disconnected")]
        public static partial void Disconnected(ILogger logger, string client, string statistics);

        [LoggerMessage(1430, LogLevel.Debug, "checked by {Client}{Statistics}", EventName = "Checked")]
        public static partial void Checked(ILogger logger, string client, string statistics);
    }
}
