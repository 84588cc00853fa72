using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Status;
using SmtpShield.Observe;
using SmtpShield.Options;

namespace SmtpShield.Control.Tuning;

/// <summary>POST <c>/v1/reload</c>: reads the configuration again and opens the log anew, as SIGHUP does, and says what came of it.</summary>
internal sealed class ReloadApi(ShieldConfigurationWatcher configuration, IEnumerable<ILoggerProvider> log, ControlAudit audit)
{
    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapPost("/v1/reload", ReloadAsync);

    private async Task ReloadAsync(HttpContext context)
    {
        await audit.DoAsync(audit.Begin(context, "reload", "configuration"), async change =>
        {
            var request = await ControlRequests.ReadChangeAsync(context);
            log.OfType<MaillogLoggerProvider>().FirstOrDefault()?.Reopen();
            log.OfType<EventLogProvider>().FirstOrDefault()?.Reopen();
            var result = await configuration.ReloadAsync(CancellationToken.None);
            if (result.Options is null)
            {
                throw new ControlException(
                    StatusCodes.Status422UnprocessableEntity,
                    [.. result.Errors.Take(ConfigurationReport.MostProblems).Select(ControlProblem.Of)]);
            }

            return change with { After = $"in force as revision {configuration.Generation}", Why = ControlAudit.Shown(request.Why) };
        });
        await ControlRequests.AnswerAsync(context, ConfigurationReport.Of(configuration.Outcome!), ControlJson.Default.ConfigurationReport);
    }
}
