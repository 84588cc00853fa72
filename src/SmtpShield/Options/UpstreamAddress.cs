namespace SmtpShield.Options;

/// <summary>One destination of <c>shield_upstream</c>: a host name or an address without brackets, and a port.</summary>
public readonly record struct UpstreamAddress(string Host, int Port)
{
    /// <summary>As written in the configuration: <c>host:port</c>, an IPv6 address in brackets.</summary>
    public override string ToString() => Host.Contains(':') ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
