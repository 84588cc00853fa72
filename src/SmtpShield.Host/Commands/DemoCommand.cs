using System.CommandLine;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Host.Demo;
using SmtpShield.Host.Switching;
using SmtpShield.Options;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield demo</c>: the shield with small limits before a mail server of its own, on loopback, to try with telnet.</summary>
internal static class DemoCommand
{
    private const string Name = "smtpshield";
    private const string MyHostname = "mail.example.com";

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var port = new Option<int>("--port") { Description = "The port on 127.0.0.1 to listen on.", DefaultValueFactory = static _ => 2525 };
        var command = new Command("demo", "Shows what the shield does: small limits, a mail server that throws mail away, log lines as they happen.") { port };
        command.SetAction((arguments, _) => RunAsync(arguments.GetValue(port)));
        return command;
    }

    private static async Task<int> RunAsync(int port)
    {
        using var sink = new SinkMta(MyHostname);
        // This user's alone, as whoever opens the socket is an operator.
        var directory = Directory.CreateTempSubdirectory("smtpshield-demo-");
        var socket = Path.Combine(directory.FullName, "control.sock");
        var program = NameToType();
        Console.WriteLine($$"""
            SmtpShield demo: the shield listens on 127.0.0.1:{{port}}, before a mail server that throws every message away.

              smtpd_client_connection_rate_limit = 5      anvil_rate_time_unit = 60s
              smtpd_soft_error_limit = 3                  smtpd_hard_error_limit = 6      smtpd_error_sleep_time = 1s

            Try, in another terminal:

              telnet 127.0.0.1 {{port}}      six times within a minute, with or without QUIT: the sixth is refused with 421

            And the limits on errors: these four lines, and the last one again and again. Slower from the third on, 421 behind the sixth:

              telnet 127.0.0.1 {{port}}
              EHLO client.example
              MAIL FROM:<me@client.example>
              RCPT TO:<nosuch@example.com>

            And ask the shield how it is, who is limited and why, and who comes nearest to it:

              {{program}} status --socket {{socket}}
              {{program}} explain 127.0.0.1 --socket {{socket}}
              {{program}} top --socket {{socket}}

            Log lines as they happen (Ctrl+C ends the demo):

            """);
        try
        {
            return await ShieldHost.RunAsync(new(OptionsFor(port, sink.Endpoint, socket)), services => services.AddHostedService(_ => sink));
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    // Who has started it from its source has none where commands are looked for.
    private static string NameToType() =>
        Array.Exists((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
            static place => File.Exists(Path.Combine(place, Name)))
            ? Name : string.Join(' ', OwnProgram.Words);

    private static ShieldOptions OptionsFor(int port, IPEndPoint sink, string socket) => new()
    {
        Smtpd = new() { MyHostname = MyHostname },
        Limits = new() { ClientConnectionRateLimit = 5, SoftErrorLimit = 3, HardErrorLimit = 6 },
        Listener = new() { Endpoints = [new(IPAddress.Loopback, port)], DefaultProcessLimit = 100, DrainTimeout = TimeSpan.FromSeconds(2) },
        Upstream = new() { Destinations = [new(sink.Address.ToString(), sink.Port)] },
        Control = new() { Socket = socket },
        Log = new() { MaillogFile = "/dev/stdout" },
    };
}
