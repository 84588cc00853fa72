namespace SmtpShield.Listening;

/// <summary>The end of a connection's path; one instance for each service.</summary>
/// <typeparam name="TConnection">What is known of the connection there.</typeparam>
internal interface IConnectionHandler<TConnection>
{
    /// <summary>Serves the connection to its end.</summary>
    Task OnConnectedAsync(TConnection connection);
}
