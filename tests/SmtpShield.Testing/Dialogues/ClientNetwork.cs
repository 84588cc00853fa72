using System.Net;

namespace SmtpShield.Testing.Dialogues;

/// <summary>
/// The network the clients of one run connect from. Dialogues say 127.83.x.y; runs at the same time with one server are 127.n.x.y, so
/// that each has its own counters and its own lines in the log.
/// </summary>
/// <param name="Number">The n of 127.n.x.y.</param>
public sealed record ClientNetwork(int Number)
{
    private const int Written = 83;

    /// <summary>The network dialogues are written with.</summary>
    public static ClientNetwork AsWritten { get; } = new(Written);

    /// <summary>All others, without the one that is nobody's.</summary>
    public static IReadOnlyList<ClientNetwork> Others { get; } = [.. Enumerable.Range(1, 254).Where(number => number != Written)
        .Select(number => new ClientNetwork(number))];

    private string Prefix => $"127.{Number}.";

    /// <summary>A client's address in this network.</summary>
    public IPAddress AddressOf(IPAddress written) => IPAddress.Parse(Localize(written.ToString()));

    /// <summary>A text with this network's addresses for those of the dialogue.</summary>
    public string Localize(string written) => written.Replace(AsWritten.Prefix, Prefix, StringComparison.Ordinal);

    /// <summary>A text with the dialogue's addresses for this network's.</summary>
    public string Restore(string text) => text.Replace(Prefix, AsWritten.Prefix, StringComparison.Ordinal);

    /// <summary>Parameters that hold for the clients of all these networks as they do for the dialogue's.</summary>
    public static Dictionary<string, string> LocalizeAll(IReadOnlyDictionary<string, string> parameters, IReadOnlyCollection<ClientNetwork> networks) =>
        parameters.ToDictionary(
            parameter => parameter.Key,
            parameter => parameter.Value.Contains(AsWritten.Prefix, StringComparison.Ordinal)
                ? string.Join(", ", networks.Select(network => network.Localize(parameter.Value)))
                : parameter.Value);

    /// <summary>A log with only the lines about this network's clients.</summary>
    public Outside.MailLog LinesOf(Outside.MailLog log) => log.About(Prefix);
}
