namespace SmtpShield.PostfixConf.Parameters;

/// <summary>The name of a parameter of one service, <c>submission/inet/smtpd_client_auth_rate_limit</c>, as <c>postconf -P</c> writes it.</summary>
/// <param name="Service">The service.</param>
/// <param name="Type">The type of its end points; <c>inet</c> is the only one there is.</param>
/// <param name="Name">The parameter.</param>
internal readonly record struct ServiceParameter(string Service, string Type, string Name)
{
    /// <summary>The type of all services.</summary>
    public const string Inet = "inet";

    /// <summary>How a parameter of a service is written.</summary>
    public static string Write(string service, string name) => $"{service}/{Inet}/{name}";

    /// <summary>Splits a name. The service may have slashes in it no more than in master.cf.</summary>
    public static bool TryParse(string text, out ServiceParameter parameter)
    {
        var words = text.Split('/');
        parameter = words is [var service, var type, var name] ? new(service, type, name) : default;
        return words.Length == 3;
    }
}
