using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>
/// Which parameters of which services <c>postconf -P</c> is asked for: <c>submission/inet/smtpd_timeout</c>, where <c>*</c> stands for each part's every value.
/// </summary>
internal sealed class ServicePattern
{
    private const string Any = "*";
    private const int PartCount = 3;

    private readonly string[] _parts;

    private ServicePattern(string[] parts) => _parts = parts;

    /// <summary>The parameter; <c>*</c> for all.</summary>
    public string Parameter => _parts[2];

    /// <summary>Reads a request to print; the parameter, and the type before it, may be left out.</summary>
    /// <exception cref="PostconfException">It is none.</exception>
    public static ServicePattern OfRequest(string text)
    {
        var parts = Split(text);
        if (parts.Length is 0 or > PartCount)
            throw new PostconfException("-P option requires service_name[/type[/parameter]]");
        return new([.. parts, .. Enumerable.Repeat(Any, PartCount - parts.Length)]);
    }

    /// <summary>Reads the name in an edit, which has all three parts and names one parameter.</summary>
    /// <exception cref="PostconfException">It is none.</exception>
    public static ServicePattern OfEdit(string text)
    {
        var parts = Split(text);
        if (parts.Length != PartCount)
            throw new PostconfException("-Pe or -PX requires service_name/type/parameter");
        return parts[2] == Any ? throw new PostconfException("-Pe does not accept wild-card parameter name") : new(parts);
    }

    /// <summary>Whether it is this service's parameter.</summary>
    public bool Fits(ServiceParameter parameter) => FitsService(parameter.Service, parameter.Type) && Fits(Parameter, parameter.Name);

    /// <summary>Whether it is this service.</summary>
    public bool FitsService(string service, string type) => Fits(_parts[0], service) && Fits(_parts[1], type);

    private static string[] Split(string text) => text.Split('/', StringSplitOptions.RemoveEmptyEntries);

    private static bool Fits(string pattern, string text) => pattern == Any || pattern == text;
}
