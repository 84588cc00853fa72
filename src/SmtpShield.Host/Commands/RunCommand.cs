using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Tuning;
using SmtpShield.Mta;
using SmtpShield.Options;

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
        var configuration = new ShieldConfiguration(path, overrides);
        var result = configuration.Read();
        if (result.Options is not { } options)
        {
            foreach (var error in result.Errors)
                await WindowsService.TellFatalAsync(ConfigurationArguments.WithRemedy(error, path).ToString());
            return 1;
        }

        // Who runs a container seldom runs check in it.
        result = result with { Problems = [.. result.Problems, .. ContainerNetwork.OfProcess.ProblemsOf(options)] };
        return await ShieldHost.RunAsync(new(options), services => services
            .AddUpstreamProbes()
            .AddSingleton(configuration)
            .AddSingleton(static _ => new ConfigurationStateFile(ConfigurationStateFile.PathOfProcess))
            .AddSingleton<ShieldConfigurationWatcher>()
            .AddHostedService(static provider => provider.GetRequiredService<ShieldConfigurationWatcher>())
            .AddTuning()
            .AddHostedService(provider => new StartReport(configuration, result, provider.GetRequiredService<ILogger<StartReport>>()))
            .AddSingleton(signals)
            .AddHostedService<ReloadOnSignal>());
    }
}
