using System.CommandLine;
using SmtpShield.Host.Commands;

namespace SmtpShield.Host.Firewall;

/// <summary><c>smtpshield firewall</c>: lets the kernel drop who is banned.</summary>
internal static class FirewallCommand
{
    private const int UsualLevel = 2;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var level = new Option<int>("--min-level")
        {
            Description = "Automatic bans from this level on; those by hand always.",
            HelpName = "number",
            DefaultValueFactory = static _ => UsualLevel,
        };
        var nft = new Option<string>("--nft") { Description = "The program.", HelpName = "path", DefaultValueFactory = static _ => "nft" };
        var command = new Command("firewall", "Let the kernel drop new connections of the banned, by nftables, until it is stopped.") { level, nft };
        options.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var error = arguments.InvocationConfiguration.Error;
            var (path, whyNot) = options.SocketOf(arguments);
            if (whyNot.Length > 0)
            {
                await error.WriteLineAsync($"smtpshield: {whyNot}");
                return ControlQuestion.Refused;
            }

            using var shield = new ControlClient(path);
            using var sync = new FirewallSync(shield.AskAsync, arguments.GetValue(nft)!, arguments.GetValue(level), TimeProvider.System, error.WriteLine);
            await sync.RunAsync(cancellationToken);
            return ControlQuestion.Done;
        });
        return command;
    }
}
