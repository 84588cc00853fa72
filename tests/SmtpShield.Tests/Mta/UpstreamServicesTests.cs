using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Mta;
using SmtpShield.Options;

namespace SmtpShield.Tests.Mta;

public sealed class UpstreamServicesTests
{
    // Two foreign warnings at each start under a user without a home directory: YARP made a key ring for session affinity, which nothing here uses.
    [Test]
    public async Task AddUpstream_EverythingMade_NeedsNoKeyRing()
    {
        var isMade = false;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(new ShieldSnapshot(new() { Upstream = new() { Destinations = [new("127.0.0.1", 10025)] } })).AddUpstream();
        builder.Services.AddSingleton<IDataProtectionProvider>(_ =>
        {
            isMade = true;
            return new EphemeralDataProtectionProvider();
        });
        await using var application = builder.Build();
        application.MapUpstream();

        Assert.That(application.Services.GetRequiredService<UpstreamPool>().DestinationsOf("smtp"), Is.Not.Empty);
        Assert.That(application.Services.GetServices<IHostedService>().Select(service => service.GetType().FullName), Has.None.Contains("DataProtection"));
        Assert.That(isMade, Is.False);
    }
}
