using System.Net;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Bans;
using SmtpShield.Clients;
using SmtpShield.Control.Exempt;
using SmtpShield.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Control.Clients;

/// <summary>The rules that hold for clients now: of each service, and who is exempt from them.</summary>
internal sealed class ClientRules(ShieldSnapshot snapshot, ServiceScopes scopes, Exemptions exemptions, BanTable bans, NeverBanned never)
{
    private const string ListParameter = "smtpd_client_event_limit_exceptions";

    /// <summary>The services, in their order.</summary>
    public IReadOnlyList<string> Services => snapshot.Served;

    /// <summary>Those of them that the configuration in force has; one that is gone from it is served until the restart.</summary>
    public IReadOnlyList<string> Configured => [.. Services.Intersect(snapshot.Current.Service.Names)];

    /// <summary>Requires that a service exists.</summary>
    /// <exception cref="ControlException">There is none of this name.</exception>
    public void Require(string service)
    {
        if (!Services.Contains(service))
            throw ControlException.NotFound($"no such service: {AddressText.Shown(service)}", $"there are {string.Join(", ", Services)}", "service");
    }

    /// <summary>Requires that the configuration in force has a service.</summary>
    /// <exception cref="ControlException">It has none of this name; one that is gone from it goes by what it had until the restart.</exception>
    public void RequireConfigured(string service)
    {
        Require(service);
        var configured = Configured;
        if (!configured.Contains(service))
        {
            throw ControlException.NotFound(
                $"{service} is not in shield_services any more: what it goes by does not change until the restart",
                $"there are {string.Join(", ", configured)}", "service");
        }
    }

    /// <summary>What a service has: the stress values while it is under stress.</summary>
    public ServiceRules Of(string service)
    {
        var its = scopes.Of(service);
        return new(service, its.GetRequiredService<ShieldService>().When(its.GetRequiredService<ServiceStress>().IsOn));
    }

    /// <summary>Why an address is exempt at a service; null: it is not.</summary>
    /// <param name="rules">The service's.</param>
    /// <param name="address">The address.</param>
    /// <param name="name">Its verified host name, or <see cref="ClientIdentity.UnknownName"/>.</param>
    public ExemptBy? ExemptionOf(ServiceRules rules, IPAddress address, string name)
    {
        if (exemptions.Find(address) is { } exemption)
            return new("allow", $"{exemption.Prefix}") { Until = exemption.Until, By = exemption.By, Why = exemption.Why };
        return rules.Options.Limits.ClientEventLimitExceptions.ElementOf(address, name) is { } element
            ? new(ListParameter, element) : null;
    }

    /// <summary>The ban that covers all of a range, and refuses it at a service; null: none.</summary>
    public Ban? BanOf(ServiceRules rules, in ClientRange range) =>
        bans.Count > 0 && bans.Covering(range) is { } ban && (!range.IsAddress || WhyNotBanned(rules, range.Address, ClientIdentity.UnknownName) is null)
            ? ban : null;

    /// <summary>Why a ban that covers an address does not refuse it at a service; null: it does. Not whether it is exempt there.</summary>
    /// <inheritdoc cref="ExemptionOf"/>
    public string? WhyNotBanned(ServiceRules rules, IPAddress address, string name) => never.WhyNot(rules.Options, address, name);

    /// <summary>Whether all of a range is exempt at a service.</summary>
    public bool IsExempt(ServiceRules rules, in ClientRange range) => exemptions.Find(range) is not null
        || (range.IsAddress && rules.Options.Limits.ClientEventLimitExceptions.Matches(range.Address, ClientIdentity.UnknownName));
}
