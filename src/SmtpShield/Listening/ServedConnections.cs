using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Listening;

/// <summary>The connections that a listener has accepted and that are not disposed yet.</summary>
/// <param name="log">The log.</param>
internal sealed partial class ServedConnections(ILogger<ServedConnections> log)
{
    private readonly ILogger _log = log;
    private readonly Lock _gate = new();
    private readonly HashSet<ServedConnection> _connections = [];

    /// <summary>Adds one until it has been served.</summary>
    /// <param name="connection">Owned: disposed behind the pipeline, also when that threw.</param>
    /// <param name="pipeline">What happens to it.</param>
    /// <returns>What serves it.</returns>
    public IThreadPoolWorkItem Add(ConnectionContext connection, ConnectionDelegate pipeline)
    {
        var served = new ServedConnection(this, connection, pipeline);
        lock (_gate)
            _connections.Add(served);
        return served;
    }

    /// <summary>Cuts off all there are. Does not wait.</summary>
    public void Abort()
    {
        ServedConnection[] left;
        lock (_gate)
            left = [.. _connections];
        foreach (var connection in left)
            connection.Abort();
    }

    private void Remove(ServedConnection connection)
    {
        lock (_gate)
            _connections.Remove(connection);
    }

    private sealed class ServedConnection(ServedConnections all, ConnectionContext connection, ConnectionDelegate pipeline) : IThreadPoolWorkItem
    {
        public void Execute() => _ = ServeAsync();

        public void Abort() => connection.Abort();

        private async Task ServeAsync()
        {
            try
            {
                await using (connection.ConfigureAwait(false))
                    await pipeline(connection).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                Log.Failed(all._log, exception);
            }

            all.Remove(this);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1056, LogLevel.Error, "a connection ended with an error", EventName = "ConnectionFailed")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
