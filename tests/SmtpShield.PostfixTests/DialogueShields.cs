using System.Net;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary>
/// Shields for many runs of dialogues: each run has a service of its own, with its own limits and counters, as it has one of
/// Postfix's, and a process has many services. To start a process for each would take the machine longer than to play the dialogues.
/// </summary>
public sealed class DialogueShields : IAsyncDisposable
{
    // A process has at most 256 services.
    private const int ServicesOfAProcess = 120;

    private readonly Dictionary<string, (ShieldProcess Shield, IPEndPoint EndPoint, MailLog Log)> _services = [];

    private DialogueShields()
    {
    }

    /// <summary>Starts them all.</summary>
    /// <param name="services">The services.</param>
    /// <param name="parameters">What all have.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<DialogueShields> StartAsync(
        IEnumerable<ShieldService> services, IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var shields = new DialogueShields();
        try
        {
            foreach (var ofOne in services.Chunk(ServicesOfAProcess))
            {
                var places = ofOne.ToDictionary(service => service, _ => new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take()));
                var shield = await ShieldProcess.StartAsync(places, parameters, cancellationToken);
                foreach (var (service, place) in places)
                    shields._services[service.Name] = (shield, place, shield.LogOf(service.SyslogName));
            }
            return shields;
        }
        catch
        {
            await shields.DisposeAsync();
            throw;
        }
    }

    /// <summary>Where a service listens.</summary>
    public IPEndPoint EndPointOf(string service) => _services[service].EndPoint;

    /// <summary>What its sessions logged.</summary>
    public MailLog LogOf(string service) => _services[service].Log;

    /// <summary>The process that takes its connections.</summary>
    public int ProcessOf(string service) => _services[service].Shield.Id;

    /// <summary>Ends them, and throws unless each ends as it should.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var shield in Processes())
            await shield.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var shield in Processes())
            await shield.DisposeAsync();
    }

    private IEnumerable<ShieldProcess> Processes() => _services.Values.Select(service => service.Shield).Distinct();
}
