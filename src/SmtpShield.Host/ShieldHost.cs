using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using SmtpShield.Control;
using SmtpShield.Listening;
using SmtpShield.Mta;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Tls;
using SmtpShield.Upgrade;

namespace SmtpShield.Host;

/// <summary>Puts the shield into a host: Kestrel with the endpoints of <c>shield_listen</c>, and the control socket, which alone speaks HTTP.</summary>
internal static class ShieldHost
{
    /// <summary>Runs the shield until it is told to stop.</summary>
    /// <param name="snapshot">The options to start with.</param>
    /// <param name="configure">Services the command adds.</param>
    /// <param name="fail">Says why it could not start or go on; null: standard error does.</param>
    /// <returns>The exit status: 0, or 1 with one line on standard error when it could not start, or a part of it has failed: what restarts a failed
    /// service then restarts it.</returns>
    public static async Task<int> RunAsync(ShieldSnapshot snapshot, Action<IServiceCollection> configure, Func<string, Task>? fail = null)
    {
        fail ??= WindowsService.TellFatalAsync;
        try
        {
            ProcessResources.RequireDescriptors();
            await using var application = Build(snapshot, configure);
            // Afterwards the services are gone. A part that fails stops the host, which takes that for an orderly end.
            var parts = application.Services.GetServices<IHostedService>().OfType<BackgroundService>().ToList();
            try
            {
                await application.RunAsync();
            }
            catch (OperationCanceledException) when (FailedOf(parts) is not null)
            {
                // While others were still starting.
            }

            if (FailedOf(parts) is not { } failed)
                return 0;

            await fail($"{failed.GetType().Name} failed: {failed.ExecuteTask!.Exception!.GetBaseException().Message} (a bug: report it)");
            return 1;
        }
        catch (Exception exception) when (exception is EndpointBindException or SessionCapacityException or TransportException
            or MaillogFileException or CertificateException or HandOverException)
        {
            await fail(exception.Message);
            return 1;
        }
    }

    /// <summary>Makes the host without starting it.</summary>
    /// <param name="snapshot">The options to start with.</param>
    /// <param name="configure">Services added last: one added here replaces the shield's own.</param>
    public static WebApplication Build(ShieldSnapshot snapshot, Action<IServiceCollection> configure)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(static kestrel =>
        {
            EndpointBinder.Bind(kestrel, static connection => connection.UseSmtpShield());
            kestrel.BindControl();
        });
        builder.Services.AddRouting();
        builder.Services.AddSmtpShield(snapshot);
        builder.Services.AddService();
        configure(builder.Services);

        var application = builder.Build();
        application.MapUpstream();
        application.MapControl();
        return application;
    }

    private static BackgroundService? FailedOf(List<BackgroundService> parts) => parts.Find(static part => part.ExecuteTask is { IsFaulted: true });
}
