using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Tuning;
using SmtpShield.Control.Upgrading;
using SmtpShield.Host.Switching;
using SmtpShield.Listening;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Upgrade;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield run</c>: the proxy.</summary>
internal static class RunCommand
{
    /// <summary>Makes the command.</summary>
    /// <param name="signals">The signals caught since the program began; null where the command is not run.</param>
    public static Command Create(ShieldSignals? signals)
    {
        var file = ConfigurationArguments.File();
        var overrides = ConfigurationArguments.Overrides();
        var command = new Command("run", "Run the proxy until SIGTERM. SIGHUP or a saved file: new configuration. SIGUSR1: opens the log anew.")
        {
            file,
            overrides,
        };
        command.SetAction(async (arguments, _) =>
        {
            using var caught = signals ?? ShieldSignals.Catch();
            return await RunAsync(arguments.GetValue(file)!, arguments.GetValue(overrides) ?? [], caught);
        });
        return command;
    }

    private static async Task<int> RunAsync(string path, string[] overrides, ShieldSignals signals)
    {
        using var predecessor = Predecessor.FromEnvironment();
        using var sockets = predecessor?.Sockets ?? InheritedSockets.FromEnvironment();
        var program = new OwnProgram();
        var configuration = new ShieldConfiguration(path, overrides);
        var result = configuration.Read();
        if (result.Options is not { } options)
            return await FailAsync(predecessor, result.Errors.Select(error => $"{ConfigurationArguments.WithRemedy(error, path)}"));
        if (predecessor is null)
        {
            if (sockets.ProblemsOf(options).ToList() is { Count: > 0 } problems)
                return await FailAsync(predecessor, problems);
        }
        else if (!await predecessor.ReceiveAsync(ShieldConfigurationWatcher.Version, CancellationToken.None))
        {
            return await FailAsync(null, ["the shield that was to hand over goes on"]);
        }

        // Who runs a container seldom runs check in it.
        result = result with { Problems = [.. result.Problems, .. ContainerNetwork.OfProcess.ProblemsOf(options)] };
        return await ShieldHost.RunAsync(
            new(options),
            services => services
                .AddUpstreamProbes()
                .AddSingleton(configuration)
                .AddSingleton(static _ => new ConfigurationStateFile(ConfigurationStateFile.PathOfProcess))
                .AddSingleton<ShieldConfigurationWatcher>()
                .AddHostedService(static provider => provider.GetRequiredService<ShieldConfigurationWatcher>())
                .AddTuning()
                .AddUpgrade(new SuccessorProgram(program.Command), sockets, predecessor)
                .AddSingleton<UpgradeApi>()
                .AddHostedService(provider => new StartReport(configuration, result, provider.GetRequiredService<ILogger<StartReport>>()))
                .AddSingleton(program)
                .AddSingleton(signals)
                .AddHostedService<ReloadOnSignal>(),
            reason => FailAsync(predecessor, [reason]));
    }

    private static async Task<int> FailAsync(Predecessor? predecessor, IEnumerable<string> reasons)
    {
        List<string> all = [.. reasons];
        foreach (var reason in all)
            await WindowsService.TellFatalAsync(reason);
        if (predecessor is not null)
            await predecessor.FailAsync(all);
        return 1;
    }
}
