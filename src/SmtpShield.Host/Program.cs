using System.CommandLine;
using SmtpShield.Host.Commands;

// Before any socket exists: completions run on the thread that learns of them. Nothing in the shield blocks a thread, so a hop to the pool would only cost time.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

var root = new RootCommand("SmtpShield guards a mail server that is already there: a transparent SMTP proxy with Postfix's limits.")
{
    RunCommand.Create(),
    CheckCommand.Create(MtaProbe.RunAsync),
    ImportCommand.Create(),
    PostconfCommand.Create(),
    DemoCommand.Create(),
};
// A parameter value may begin with @. SIGTERM is the host's, which drains first.
return await root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }).InvokeAsync(new() { ProcessTerminationTimeout = null });
