using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Listening;

namespace SmtpShield.Sessions;

/// <summary>Writes <c>connect from</c> for every identified connection, refused ones too, and exactly one <c>disconnect from</c>, on every path; of a proxy's own connections one line at debug level.</summary>
internal sealed partial class RecordSession(ILogger<RecordSession> log) : IConnectionStage
{
    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(RecordSession)} runs behind {nameof(IdentifyClient)}.");
        var record = new SessionRecord();
        connection.Features.Set(record);
        var isLocal = connection.Features.Get<ProxyConnection>() is { IsLocal: true };
        if (!isLocal)
            Log.Connected(log, client.NameAddress);
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            if (isLocal)
                Log.Checked(log, client.NameAddress, record.Statistics);
            else
                Log.Disconnected(log, client.NameAddress, record.Statistics);
        }
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
