using System.Net;
using Microsoft.AspNetCore.Connections;

namespace SmtpShield.Listening;

/// <summary>An end point of a service, so that who binds it knows whose it is, and who serves its connections.</summary>
/// <param name="endpoint">Where to listen.</param>
/// <param name="service">The service's name.</param>
/// <param name="pipeline">What happens to a connection.</param>
internal sealed class ServiceEndPoint(IPEndPoint endpoint, string service, ConnectionDelegate pipeline) : IPEndPoint(endpoint.Address, endpoint.Port)
{
    /// <summary>The service's name.</summary>
    public string Service => service;

    /// <summary>What happens to a connection.</summary>
    public ConnectionDelegate Pipeline => pipeline;
}
