using System.Net;
using System.Net.Sockets;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Host.Commands;

/// <summary>
/// The host names a configuration has: those of <c>shield_upstream</c>, which are dialed, and those of lists of clients, which
/// are compared with verified names. Names that have no address serve nobody, and names in a list that is not compared with names match nobody.
/// </summary>
internal static class HostNames
{
    // Lists may have a million of them.
    private const int MostLookups = 64;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    /// <summary>Finds the addresses of a name.</summary>
    /// <exception cref="SocketException">It has none, or nobody answered.</exception>
    public delegate Task<IPAddress[]> Lookup(string name, CancellationToken cancellationToken);

    /// <summary>What to say.</summary>
    /// <param name="options">The options of all services.</param>
    /// <param name="lookup">The resolver. All names are asked for at the same time.</param>
    /// <param name="time">The clock of the wait, 5 s for all names together.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<IReadOnlyList<ConfigurationProblem>> ProblemsOfAsync(
        ShieldOptions options, Lookup lookup, TimeProvider time, CancellationToken cancellationToken)
    {
        List<ConfigurationProblem> problems = [.. options.Services.SelectMany(service => MatchNobody(At(service.Key), service.Value))];
        var names = options.Services.SelectMany(service => LookedUp(At(service.Key), service.Value)).ToList();
        var answers = names.Select(name => name.Name).Distinct(StringComparer.OrdinalIgnoreCase).Take(MostLookups)
            .ToDictionary(name => name, name => AskAsync(lookup, name, time, cancellationToken), StringComparer.OrdinalIgnoreCase);
        await Task.WhenAll(answers.Values);
        foreach (var name in names)
        {
            if (answers.TryGetValue(name.Name, out var answer) && ProblemOf(name, await answer) is { } problem)
                problems.Add(problem);
        }
        if (names.Find(name => !answers.ContainsKey(name.Name)) is { } next)
        {
            var message = $"{MostLookups} names were looked up, {next.Name} and those behind it were not";
            problems.Add(new(ProblemSeverity.Note, next.Location, next.Parameter, message));
        }

        // Services share most lists: what is to be mended is said once.
        return [.. problems.DistinctBy(problem => (problem.Parameter, problem.Message))];
    }

    private static SourceLocation At(string service) => new($"service {service}");

    private static IEnumerable<HostNameInUse> LookedUp(SourceLocation location, ShieldOptions service)
    {
        foreach (var host in service.Upstream.Destinations.Select(destination => destination.Host).Where(host => !AddressBits.TryParse(host, out _)))
            yield return new(location, "shield_upstream", host, "clients get 421 while no MTA is found; write its address, or mend the name");
        if (!service.Smtpd.PeernameLookup)
            yield break;
        foreach (var (parameter, list) in ComparedWithNames(service))
        {
            // A domain need not have an address.
            foreach (var name in list.Names.Where(name => name[0] != '.'))
                yield return new(location, parameter, name,
                    "no client's verified name is one without an address; write the address, or .domain for the names below it");
        }
    }

    private static IEnumerable<ConfigurationProblem> MatchNobody(SourceLocation location, ShieldOptions service)
    {
        if (service.Proxy.Sources.Names.FirstOrDefault() is { } source)
            yield return ConfigurationProblem.Warning(
                location, "shield_proxy_sources", $"{source} is a host name, and names match nobody here", "write the address");
        if (service.Smtpd.PeernameLookup)
            yield break;
        foreach (var (parameter, list) in ComparedWithNames(service))
        {
            if (list.Names.FirstOrDefault() is { } name)
            {
                var message = $"{name} is a host name, and names match nobody while smtpd_peername_lookup = no";
                yield return ConfigurationProblem.Warning(location, parameter, message, "write the address, or smtpd_peername_lookup = yes");
            }
        }
    }

    private static IEnumerable<(string Parameter, AddressPatternList List)> ComparedWithNames(ShieldOptions service) =>
    [
        ("smtpd_client_event_limit_exceptions", service.Limits.ClientEventLimitExceptions),
        ("shield_proxy_event_limit_exceptions", service.Proxy.EventLimitExceptions),
    ];

    // Null: it has an address.
    private static async Task<SocketError?> AskAsync(Lookup lookup, string name, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            return (await lookup(name, cancellationToken).WaitAsync(s_limit, time, cancellationToken)).Length > 0 ? null : SocketError.NoData;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode;
        }
        catch (TimeoutException)
        {
            return SocketError.TimedOut;
        }
    }

    private static ConfigurationProblem? ProblemOf(HostNameInUse name, SocketError? answer) => answer switch
    {
        null => null,
        SocketError.HostNotFound or SocketError.NoData =>
            ConfigurationProblem.Warning(name.Location, name.Parameter, $"{name.Name} has no address", name.Consequence),
        _ => new(
            ProblemSeverity.Note,
            name.Location,
            name.Parameter,
            $"whether {name.Name} has an address is not known: the name servers of this host do not answer ({answer})"),
    };
}
