using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Mails from smtp-source(1) into a real Postfix that throws them away, a connection for each: nothing of what Postfix does is left out.</summary>
/// <param name="isReused">Whether the shield lets its sessions with Postfix go on from one client to the next, against Postfix alone.</param>
internal sealed class MailsIntoPostfix(bool isReused) : Workload(
    isReused ? "into-postfix-reused" : "into-postfix",
    isReused ? "4 KB mails into a real Postfix, a client's connection for each, 20 at a time; the MTA's sessions are reused"
        : "4 KB mails into a real Postfix, a connection for each, 20 at a time",
    "mails",
    isReused ? Contender.Direct : Contender.HAProxy)
{
    private const int Sessions = 20;
    private const int Mails = 1000;
    private const int Octets = 4096;

    /// <inheritdoc />
    public override async Task<Arena> StartAsync(CancellationToken cancellationToken)
    {
        var arena = new Arena();
        var service = PostfixService.WithoutLimits("behind");
        var postfix = arena.Keep(await PostfixInstance.StartAsync([service], cancellationToken, new Dictionary<string, string>
        {
            ["virtual_transport"] = "discard:",
        }));
        var server = postfix.EndPointOf(service.Name);
        arena.Contenders.Add(Contender.None(server));
        if (!isReused)
            await arena.AddHAProxyAsync(server, cancellationToken);
        await arena.AddShieldAsync(server, cancellationToken, isReused
            ? new Dictionary<string, string> { ["shield_upstream_reuse"] = "yes", ["shield_upstream_connect"] = "mail" } : null);
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        new(Mails, await RelayedMails.SendAsync(contender, Sessions, Mails, Octets, isKept: false, cancellationToken));
}
