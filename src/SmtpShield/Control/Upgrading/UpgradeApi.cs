using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using SmtpShield.Control.Changes;
using SmtpShield.Upgrade;

namespace SmtpShield.Control.Upgrading;

/// <summary>POST <c>/v1/upgrade</c>: the program that is installed now takes over from this process, without a gap.</summary>
internal sealed class UpgradeApi(HandOver handOver, ControlAudit audit)
{
    /// <summary>Adds its path.</summary>
    public void Map(IEndpointRouteBuilder application) => application.MapPost("/v1/upgrade", UpgradeAsync);

    private async Task UpgradeAsync(HttpContext context)
    {
        ControlRequests.LiftTimeLimit(context);
        HandOverReport? report = null;
        await audit.DoAsync(audit.Begin(context, "upgrade", "program"), async change =>
        {
            var request = await ControlRequests.ReadChangeAsync(context);
            try
            {
                report = await handOver.RunAsync(change.By);
            }
            catch (HandOverException exception)
            {
                throw new ControlException(StatusCodes.Status409Conflict, [.. exception.Reasons.Select(static reason => new ControlProblem(reason))]);
            }

            return change with { After = $"process {report.Process}, version {report.Version}", Why = ControlAudit.Shown(request.Why) };
        });
        await ControlRequests.AnswerAsync(
            context,
            new(report!.Process, report.Version, report.OldProcess, report.OldVersion, report.Sessions),
            ControlJson.Default.UpgradeReport);
    }
}
