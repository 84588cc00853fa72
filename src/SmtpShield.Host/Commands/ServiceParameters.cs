using SmtpShield.Options;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>What a configuration says of services.</summary>
internal static class ServiceParameters
{
    /// <summary>The services of <c>shield_services</c>.</summary>
    public static IEnumerable<string> Listed(ShieldConfiguration configuration) =>
        ListTokenizer.Split(configuration.Parameters.Expand(configuration.Parameters.Find("shield_services") ?? "").Text).Distinct();

    /// <summary>The names in a file that are those of a service's own values.</summary>
    public static IEnumerable<ServiceParameter> Of(MainCfFile file)
    {
        foreach (var entry in file.Entries.Values.OrderBy(entry => entry.Line))
        {
            if (ServiceParameter.TryParse(entry.Name, out var parameter))
                yield return parameter;
        }
    }
}
