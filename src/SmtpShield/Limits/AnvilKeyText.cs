using System.Net;
using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>A client of the table in a line of text: <c>SERVICE ADDRESS/LENGTH</c>.</summary>
internal static class AnvilKeyText
{
    /// <summary>Writes it.</summary>
    public static string Of(in AnvilKey key) => $"{key.Service} {key.Client.Address}/{key.Client.PrefixLength}";

    /// <summary>Reads it.</summary>
    /// <param name="service">The first word.</param>
    /// <param name="prefix">The second one.</param>
    /// <param name="key">The client.</param>
    public static bool TryRead(string service, string prefix, out AnvilKey key)
    {
        var isPrefix = IPNetwork.TryParse(prefix, out var network);
        key = isPrefix ? new(service, ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength)) : default;
        return isPrefix;
    }
}
