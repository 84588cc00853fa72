using System.CommandLine;
using SmtpShield.Host;
using SmtpShield.Host.Commands;
using SmtpShield.Host.Firewall;
using SmtpShield.Options;

if (Detachment.IsAsked)
    return Detachment.Start(args);

// First of all: a signal to reload, or to open the log anew, may come as soon as there is a process, and would end it.
using var signals = args is ["run", ..] ? ShieldSignals.Catch() : null;

// Before any socket exists: completions run on the thread that learns of them. Nothing in the shield blocks a thread, so a hop to
// the pool would only cost time.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

var root = new RootCommand("SmtpShield guards a mail server that is already there: a transparent SMTP proxy with Postfix's limits.")
{
    RunCommand.Create(signals),
    CheckCommand.Create(
        static async (options, cancellationToken) =>
            [.. await MtaProbe.RunAsync(options, cancellationToken), .. await StoreProbe.RunAsync(options, cancellationToken)],
        network: ContainerNetwork.OfProcess),
    InitCommand.Create(),
    ImportCommand.Create(),
    PostconfCommand.Create(new EditAnswer(ConfigurationStateFile.PathOfProcess, TimeProvider.System, EditAnswer.Patience)),
    StatusCommand.Create(),
    TopCommand.Create(),
    ExplainCommand.Create(),
    ReleaseCommand.Create(),
    AllowCommand.Create(),
    DisallowCommand.Create(),
    BanCommand.Create(),
    UnbanCommand.Create(),
    BansCommand.Create(),
    FirewallCommand.Create(),
    ChangesCommand.Create(),
    WatchCommand.Create(),
    ShadowCommand.Create(),
    SuggestCommand.Create(),
    LimitsCommand.Create(),
    UpgradeCommand.Create(),
    UpstreamCommand.Create(),
    PasswdCommand.Create(),
    TokenCommand.Create(),
    RehearseCommand.Create(),
    DemoCommand.Create(),
};
root.Subcommands.Add(HelpCommand.Create(root));
root.Subcommands.Add(CompletionCommand.Create(root));
root.Subcommands.Add(ManCommand.Create(root));
root.Options.OfType<VersionOption>().Single().Aliases.Add("-V");
// A parameter value may begin with @. SIGTERM is the host's, which drains first.
return await root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }).InvokeAsync(new() { ProcessTerminationTimeout = null });
