using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Listening;

/// <summary>
/// One step of a connection's path. There is one instance for each service, shared by the connections of all its end points, so what belongs to a connection
/// goes into its features: a stage leaves its result there as a typed feature, and the next one requires it.
/// </summary>
internal interface IConnectionStage
{
    /// <summary>Does this step's part and calls <paramref name="next"/>, or does not and so ends the connection.</summary>
    Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next);
}
