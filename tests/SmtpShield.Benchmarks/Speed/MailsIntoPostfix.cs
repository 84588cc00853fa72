using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Mails from smtp-source(1) into a real Postfix that throws them away, a connection for each: nothing of what Postfix does is left out.</summary>
internal sealed class MailsIntoPostfix() : Workload("into-postfix", "4 KB mails into a real Postfix, a connection for each, 20 at a time", "mails")
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
        await arena.AddHAProxyAsync(server, cancellationToken);
        await arena.AddShieldAsync(server, cancellationToken);
        return arena;
    }

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken) =>
        new(Mails, await RelayedMails.SendAsync(contender, Sessions, Mails, Octets, isKept: false, cancellationToken));
}
