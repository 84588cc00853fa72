using System.Net;

namespace SmtpShield.Listening;

/// <summary>An end point of a service, so that who binds it knows whose it is.</summary>
/// <param name="endpoint">Where to listen.</param>
/// <param name="service">The service's name.</param>
internal sealed class ServiceEndPoint(IPEndPoint endpoint, string service) : IPEndPoint(endpoint.Address, endpoint.Port)
{
    /// <summary>The service's name.</summary>
    public string Service => service;
}
