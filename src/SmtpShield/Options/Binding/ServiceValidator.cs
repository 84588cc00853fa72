using System.Net;
using System.Net.Sockets;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Binding;

/// <summary>Checks what services say of each other: their names, and who listens where.</summary>
/// <param name="locate">Where a name was written.</param>
/// <param name="problems">Receives the problems.</param>
internal sealed class ServiceValidator(Func<string, SourceLocation> locate, ICollection<ConfigurationProblem> problems)
{
    /// <summary>Services at most: counters know one by one octet.</summary>
    public const int MaxServices = 256;

    private const string Services = "shield_services";
    private const string Metrics = "shield_metrics_listen";
    private const string Admin = "shield_admin_listen";

    /// <summary>Adds every problem.</summary>
    /// <param name="options">The options of all services.</param>
    public void Validate(ShieldOptions options)
    {
        if (options.Service.Names.Count == 0)
            Fail(Services, $"bad string length 0 < 1: {Services} =", "write the names of the services, as in smtp submission");
        if (options.Service.Names.Distinct().Count() is > MaxServices and var count)
            Fail(Services, $"{Services}: {count} services > {MaxServices}", "one service may have many end points");
        foreach (var name in options.Service.Names.Where(name => !IsName(name)))
            Fail(Services, $"{Services}: bad service name: {name}", "write a name as in master.cf: smtp, submission, smtps, 2525, 192.0.2.1:2525");
        foreach (var name in options.Service.Names.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key))
            problems.Add(ConfigurationProblem.Warning(locate(Services), Services, $"{Services}: {name} is listed more than once", "keep one of them"));

        RequireOwnEndpoints(options);
        RequireControlApart(options);
        RequireAdminSafe(options.Control);
        NoteIPv6Only(options);
        RequireNoLoop(options);
    }

    /// <summary>Judges the names of parameters of one service.</summary>
    /// <param name="options">The options of all services.</param>
    /// <param name="names">Names as written.</param>
    public void ValidateNames(ShieldOptions options, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            if (!ServiceParameter.TryParse(name, out var parameter))
                continue;
            if (parameter.Type != ServiceParameter.Inet)
                Warn(name, $"no service {parameter.Service}/{parameter.Type}: {name} has no effect",
                    $"write {ServiceParameter.Write(parameter.Service, parameter.Name)}; services are of type {ServiceParameter.Inet}");
            else if (!options.Service.Names.Contains(parameter.Service))
                Warn(name, $"no service {parameter.Service}: {name} has no effect",
                    NearestName.Find(parameter.Service, options.Service.Names) is { } nearest ? $"did you mean {nearest}?" : $"add it to {Services}");
            else if (ParameterCatalog.All.TryGetValue(parameter.Name, out var definition) && definition.IsShared)
                Fail(name, $"{parameter.Name} is the same for all services: {name}", $"write {parameter.Name} = ...");
        }
    }

    private void RequireOwnEndpoints(ShieldOptions options)
    {
        var taken = new List<(IPEndPoint Endpoint, string Service)>();
        foreach (var (service, own) in options.Services)
        {
            foreach (var endpoint in own.Listener.Endpoints.Where(endpoint => endpoint.Port != 0).Distinct())
            {
                var (first, other) = taken.Find(earlier => Overlap(earlier.Endpoint, endpoint));
                var parameter = Written(service, "shield_listen");
                if (other == service)
                    Fail(parameter, $"{parameter}: {first} and {endpoint} overlap: {(IsAny(first.Address) ? first : endpoint)} takes the clients of both",
                        "keep one of them");
                else if (other is not null)
                    Fail(
                        parameter,
                        first.Equals(endpoint)
                            ? $"{service} would listen on {endpoint}, as {other} does"
                            : $"{service} would listen on {endpoint}, which overlaps {first} of {other}",
                        $"write {ServiceParameter.Write(service, "shield_listen")} = address:port");
                taken.Add((endpoint, service));
            }
        }
    }

    private void RequireControlApart(ShieldOptions options)
    {
        var taken = new List<(IPEndPoint Endpoint, string Owner)>();
        foreach (var (service, own) in options.Services)
            taken.AddRange(own.Listener.Endpoints.Where(static endpoint => endpoint.Port != 0).Select(endpoint => (endpoint, service)));
        RequireApart(Metrics, options.Control.MetricsEndpoints, "127.0.0.1:9025", taken);
        RequireApart(Admin, options.Control.AdminEndpoints, "127.0.0.1:8425", taken);
    }

    private void RequireApart(string parameter, IReadOnlyList<IPEndPoint> endpoints, string example, List<(IPEndPoint Endpoint, string Owner)> taken)
    {
        foreach (var endpoint in endpoints.Where(static endpoint => endpoint.Port != 0).Distinct())
        {
            foreach (var (other, owner) in taken.FindAll(earlier => Overlap(earlier.Endpoint, endpoint)))
            {
                if (owner == parameter)
                    Fail(parameter, $"{parameter}: {other} and {endpoint} overlap", "keep one of them");
                else
                    Fail(parameter, $"{parameter}: {endpoint} overlaps {other} of {owner}", $"write an address and port of its own, as in {example}");
            }

            taken.Add((endpoint, parameter));
        }
    }

    // A password in the clear is everybody's on the way.
    private void RequireAdminSafe(ControlOptions options)
    {
        if (options.AdminEndpoints.Count == 0)
            return;
        if (options.AdminUsersFile.Length == 0)
            Fail(Admin, $"{Admin} needs shield_admin_users_file: nobody could log in", "make it with smtpshield passwd NAME --role operate, and name it");
        if (options.AdminChainFiles.Count == 0 && options.AdminEndpoints.FirstOrDefault(static endpoint => !IPAddress.IsLoopback(endpoint.Address)) is { } open)
        {
            Fail(Admin, $"{Admin}: {open} needs TLS: passwords would cross the network in the clear",
                "name the key and certificate in shield_admin_tls_chain_files, or listen on a loopback address");
        }
    }

    // Who knows other programs expects an IPv6 socket to take both (decision 24).
    private void NoteIPv6Only(ShieldOptions options)
    {
        var ipv4 = options.Services.Values.SelectMany(own => own.Listener.Endpoints).Where(endpoint => endpoint.AddressFamily == AddressFamily.InterNetwork)
            .Select(endpoint => endpoint.Port).ToHashSet();
        foreach (var (service, own) in options.Services)
        {
            foreach (var endpoint in own.Listener.Endpoints.Where(endpoint => endpoint.Address.Equals(IPAddress.IPv6Any)
                && !ipv4.Contains(endpoint.Port)).Distinct())
            {
                var parameter = Written(service, "shield_listen");
                problems.Add(new(ProblemSeverity.Note, locate(parameter), parameter, $"{parameter}: {endpoint} takes IPv6 only",
                    $"for IPv4 too write 0.0.0.0:{endpoint.Port}, {endpoint}"));
            }
        }
    }

    // The shield would connect to itself, and that connection again, until all sessions are used up.
    private void RequireNoLoop(ShieldOptions options)
    {
        var endpoints = options.Services.Values.SelectMany(own => own.Listener.Endpoints).ToList();
        foreach (var (service, own) in options.Services)
        {
            foreach (var destination in own.Upstream.Destinations)
            {
                var listens = IPAddress.TryParse(destination.Host, out var address)
                    && endpoints.Exists(endpoint => endpoint.Port == destination.Port
                        && (endpoint.Address.Equals(address) || (IPAddress.IsLoopback(address) && IsAny(endpoint.Address))));
                if (listens && Written(service, "shield_upstream") is var parameter)
                    Fail(parameter, $"{parameter}: {destination} loops back to shield_listen", "give the MTA another port, as in 127.0.0.1:10025");
            }
        }
    }

    private string Written(string service, string name) =>
        ServiceParameter.Write(service, name) is var own && locate(own) != SourceLocation.Default ? own : name;

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':' or '[' or ']');

    // The kernel binds no address of a port that somebody listens on for all addresses.
    private static bool Overlap(IPEndPoint a, IPEndPoint b) =>
        a.Port == b.Port && a.AddressFamily == b.AddressFamily && (a.Address.Equals(b.Address) || IsAny(a.Address) || IsAny(b.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private void Fail(string parameter, string message, string hint) => problems.Add(ConfigurationProblem.Error(locate(parameter), parameter, message, hint));

    private void Warn(string parameter, string message, string hint) => problems.Add(ConfigurationProblem.Warning(locate(parameter), parameter, message, hint));
}
