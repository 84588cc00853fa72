using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.Configuration;
using SmtpShield.Limits;
using SmtpShield.Listening;
using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>
/// Lets a connection in, or refuses it with 421 in place of the greeting, before the MTA hears of it. Counts it either way: refused attempts keep a client over its limit.
/// Leaves a <see cref="ClientCounter"/> for the events to come, unless the client is exempt or a proxy that checks whether the shield lives.
/// </summary>
internal sealed class AdmitClient(AnvilTable anvil, ClientExceptions exceptions, IEnumerable<ILimitPolicy> policies, ShieldService service, ProcessLimit processLimit, ILogger<AdmitClient> log) : IConnectionStage
{
    // In Postfix's order: if several limits are exceeded only the first is logged.
    private readonly ILimitPolicy[] _policies = [.. policies];

    /// <inheritdoc />
    public async Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var client = connection.Features.Get<ClientIdentity>() ?? throw new InvalidOperationException($"{nameof(AdmitClient)} runs behind {nameof(IdentifyClient)}.");
        if (connection.Features.Get<ProxyConnection>() is { IsLocal: true } || exceptions.Contains(client))
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

        using var counter = connection.Features.Get<ClientCounter>() ?? new ClientCounter(anvil, new(service.Name, client.Range));
        connection.Features.Set(counter);
        if (ClientLimits.IsAnySet(Options.Limits) && Refusal(counter.Connect(), client) is { } refusal)
        {
            connection.Transport.Output.Write(refusal.Octets.Span);
            await connection.Transport.Output.FlushAsync().ConfigureAwait(false);
            return;
        }

        await next(connection).ConfigureAwait(false);
    }

    private ShieldOptions Options => service.Current.When(processLimit.IsUnderStress);

    private Reply? Refusal(in AnvilCounts counts, ClientIdentity client)
    {
        var options = Options;
        foreach (var policy in _policies)
        {
            if (policy.Judge(counts, options.Limits) is not { } count)
                continue;

            AdmissionLog.LimitExceeded(log, policy.Subject, count, client.NameAddress, service.Name);
            return policy.Refusal(options.Smtpd.MyHostname, client.AddressText);
        }

        return null;
    }
}
