using System.CommandLine;
using System.Globalization;
using System.Net;
using SmtpShield.Host.Rehearsal;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Tls;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield rehearse</c>: plays normal traffic and attacks to the configured shield, on loopback, and says which limit did what.</summary>
internal static class RehearseCommand
{
    /// <summary>A limit hits normal traffic, or normal mail was not accepted.</summary>
    public const int HitsNormalTraffic = 4;

    private const string Recipient = "somebody@rehearsal.example";

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var file = ConfigurationArguments.File();
        var overrides = ConfigurationArguments.Overrides();
        var attacks = new Option<string[]>("--attack") { Description = "Only this attack; may be given several times.", HelpName = "name" };
        attacks.AcceptOnlyFromAmong([.. AttackRepertoire.All.Select(static attack => attack.Name)]);
        var only = new Option<string?>("--service") { Description = "Only this service.", HelpName = "name" };
        var against = new Option<string?>("--against")
        {
            Description = "A test mail server on loopback to play before; otherwise one of the program's own.",
            HelpName = "address:port",
        };
        against.Validators.Add(static result =>
        {
            if (LoopbackOf(result.Tokens.SingleOrDefault()?.Value) is null)
                result.AddError("--against: a loopback address and a port, as in 127.0.0.1:10025; a rehearsal contacts nothing else.");
        });
        var recipient = new Option<string?>("--to") { Description = "With --against: an address that it takes mail for.", HelpName = "address" };
        var normal = new RehearsalScale();
        var clients = Number("--clients", "Normal clients of each kind.", normal.Clients, 100);
        var mails = Number("--mails", "Mails of a sender, a connection each.", normal.Mails, 1000);
        var atOnce = Number("--at-once", "Connections a partner has open at the same time.", normal.AtOnce, 50);
        var recipients = Number("--recipients", "Recipients of a list's mail.", normal.Recipients, 10_000);
        var command = new Command("rehearse", "Play normal traffic and attacks to the configured shield, on loopback, and say which limit does what.")
        {
            file, overrides, attacks, only, against, recipient, clients, mails, atOnce, recipients,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(against) is not null && result.GetValue(recipient) is null)
                result.AddError("--against needs --to: an address that the mail server takes mail for.");
        });
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            var path = arguments.GetValue(file)!;
            var result = ShieldConfiguration.Load(path, arguments.GetValue(overrides) ?? []);
            if (result.Options is not { } options)
            {
                foreach (var problem in result.Errors)
                    await error.WriteLineAsync($"smtpshield: {ConfigurationArguments.WithRemedy(problem, path)}");
                return ControlQuestion.Refused;
            }

            if (arguments.GetValue(only) is { } name && !options.Services.ContainsKey(name))
            {
                await error.WriteLineAsync($"smtpshield: no such service: {name} (there are {string.Join(", ", options.Services.Keys)})");
                return ControlQuestion.Refused;
            }

            var services = options.Services.Keys.Where(known => arguments.GetValue(only) is not { } one || one == known);
            var plan = new RehearsalPlan(
                options,
                [.. services],
                [.. AttackRepertoire.All.Where(attack => arguments.GetValue(attacks) is not { Length: > 0 } names || names.Contains(attack.Name))],
                arguments.GetValue(attacks) is { Length: > 0 },
                new()
                {
                    Clients = arguments.GetValue(clients), Mails = arguments.GetValue(mails), AtOnce = arguments.GetValue(atOnce),
                    Recipients = arguments.GetValue(recipients),
                },
                LoopbackOf(arguments.GetValue(against)),
                arguments.GetValue(recipient) ?? Recipient);
            try
            {
                return await plan.PlayAsync(TerminalOutput.Of(output, TimeZoneInfo.Local), cancellationToken) ? 0 : HitsNormalTraffic;
            }
            catch (Exception exception) when (exception
                is RehearsalException or EndpointBindException or SessionCapacityException or TransportException or CertificateException)
            {
                await error.WriteLineAsync($"smtpshield: not rehearsed: {exception.Message}");
                return ControlQuestion.Refused;
            }
            catch (OperationCanceledException)
            {
                await error.WriteLineAsync("smtpshield: not rehearsed to the end: it was told to stop");
                return ControlQuestion.Refused;
            }
        });
        return command;
    }

    private static IPEndPoint? LoopbackOf(string? text) =>
        IPEndPoint.TryParse(text ?? "", out var found) && IPAddress.IsLoopback(found.Address) && found.Port != 0 ? found : null;

    private static Option<int> Number(string name, string description, int value, int most)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "number", DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var number && (number < 1 || number > most))
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: 1 to {most}."));
        });
        return option;
    }
}
