using System.CommandLine;
using System.Net;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.Tls;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield check</c>: everything that is wrong with a configuration, and exit status 1 when the shield would refuse it.</summary>
internal static class CheckCommand
{
    /// <summary>A further check of a configuration without errors, such as dialing the MTA.</summary>
    public delegate Task<IReadOnlyList<ConfigurationProblem>> Probe(ShieldOptions options, CancellationToken cancellationToken);

    /// <summary>Makes the command.</summary>
    /// <param name="probe">What <c>--probe</c> does; without it the option does not exist.</param>
    /// <param name="lookup">Finds the addresses of host names; the system's resolver by default.</param>
    /// <param name="network">Where the shield listens; without it that is not looked at.</param>
    public static Command Create(Probe? probe = null, HostNames.Lookup? lookup = null, ContainerNetwork? network = null)
    {
        var file = ConfigurationArguments.File();
        var overrides = ConfigurationArguments.Overrides();
        var user = new Option<string?>("--user")
        {
            Description = "Whom the service runs as: what this user can't read is an error. smtpshield, if there is such a user.",
            HelpName = "name",
        };
        var withProbe = new Option<bool>("--probe")
        {
            Description = "Also have sessions with the MTA: does it serve, offer AUTH for submission, refuse to relay? No mail is sent. "
                + "And try the store of shared counters.",
        };
        var command = new Command("check", "Print every configuration error and warning.") { file, overrides, user };
        if (probe is not null)
            command.Options.Add(withProbe);
        command.SetAction((arguments, cancellationToken) => RunAsync(
            arguments.GetValue(file)!,
            arguments.GetValue(overrides) ?? [],
            arguments.GetValue(user),
            probe is not null && arguments.GetValue(withProbe) ? probe : null,
            lookup ?? Dns.GetHostAddressesAsync,
            network,
            arguments.InvocationConfiguration.Output,
            cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(
        string path, string[] overrides, string? user, Probe? probe, HostNames.Lookup lookup, ContainerNetwork? network, TextWriter output,
        CancellationToken cancellationToken)
    {
        var result = ShieldConfiguration.Load(path, overrides);
        List<ConfigurationProblem> problems = [.. result.Problems.Select(problem => ConfigurationArguments.WithRemedy(problem, path))];
        if (result.Options is { } valid)
        {
            problems.AddRange(valid.Services.Values.DefaultIfEmpty(valid)
                .SelectMany(service => CertificateStore.ProblemsOf(service.Tls, TimeProvider.System)).Distinct());
            if (result.IsHostnameMadeUp)
            {
                problems.Add(new(
                    ProblemSeverity.Note,
                    SourceLocation.Default,
                    "myhostname",
                    $"myhostname is not set: replies of the shield say {valid.Smtpd.MyHostname}, made from the name of this host",
                    "write the name in the MTA's greeting"));
            }

            problems.AddRange(LogPlace.ProblemsOf(valid.Log));
            problems.AddRange(ControlPlace.ProblemsOf(valid.Control));
            problems.AddRange(PortsInUse.ProblemsOf(valid));
            problems.AddRange(await SharingProblems.ProblemsOfAsync(valid, lookup, TimeProvider.System, cancellationToken));
            problems.AddRange(network?.ProblemsOf(valid) ?? []);
            problems.AddRange(await HostNames.ProblemsOfAsync(valid, lookup, TimeProvider.System, cancellationToken));
        }

        problems.AddRange(ServiceUser.ProblemsOf(user, ShieldConfiguration.ResolvePath(path), result));
        if (probe is not null && result.Options is { } options)
            problems.AddRange(await probe(options, cancellationToken));

        foreach (var problem in problems.OrderByDescending(problem => problem.Severity))
            await output.WriteLineAsync($"{Word(problem.Severity)}: {problem}");
        await output.WriteLineAsync($"{ShieldConfiguration.ResolvePath(path)}: {Count(problems, ProblemSeverity.Error)}, "
            + $"{Count(problems, ProblemSeverity.Warning)}, {Count(problems, ProblemSeverity.Note)}");
        var hasErrors = problems.Exists(problem => problem.Severity == ProblemSeverity.Error);
        await output.WriteLineAsync($"next: {NextStep(path, hasErrors ? null : result.Options)}");
        return hasErrors ? 1 : 0;
    }

    // Null: there are errors.
    private static string NextStep(string path, ShieldOptions? valid) => valid switch
    {
        null => $"correct the errors, then smtpshield check{ConfigurationArguments.Naming(path)}",
        // A file that is there although nobody answers is told of by status.
        { Control.Socket: { Length: > 0 } socket } when File.Exists(socket) => $"smtpshield status{ConfigurationArguments.Naming(path)}",
        _ => $"smtpshield rehearse{ConfigurationArguments.Naming(path)}",
    };

    private static string Count(List<ConfigurationProblem> problems, ProblemSeverity severity) =>
        problems.Count(problem => problem.Severity == severity) is var count && count == 1 ? $"1 {Word(severity)}" : $"{count} {Word(severity)}s";

    private static string Word(ProblemSeverity severity) => severity switch
    {
        ProblemSeverity.Error => "error",
        ProblemSeverity.Warning => "warning",
        _ => "note",
    };
}
