using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Listening;

namespace SmtpShield.Sessions;

/// <summary>Writes <c>connect from</c> for every identified connection, refused ones too, and exactly one <c>disconnect from</c>, on every path.</summary>
internal sealed partial class RecordSession(ILogger<RecordSession> log) : IConnectionStage
{
    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(RecordSession)} runs behind {nameof(IdentifyClient)}.");
        var record = new SessionRecord();
        connection.Features.Set(record);
        Log.Connected(log, client.NameAddress);
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            Log.Disconnected(log, client.NameAddress, record.Statistics);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1400, LogLevel.Information, "connect from {Client}", EventName = "Connected")]
        public static partial void Connected(ILogger logger, string client);

        [LoggerMessage(1401, LogLevel.Information, "disconnect from {Client}{Statistics}", EventName = "Disconnected")]
        public static partial void Disconnected(ILogger logger, string client, string statistics);
    }
}
