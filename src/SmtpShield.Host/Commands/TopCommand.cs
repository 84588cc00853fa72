using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Clients;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield top</c>: the clients of a running shield that are nearest to a limit, or do most.</summary>
internal static class TopCommand
{
    private const string Resource = "v1/clients";

    private static readonly string[] _head =
        ["SERVICE", "CLIENT", "STATE", "UNTIL", "OPEN", "CONN", "MAIL", "RCPT", "TLS", "AUTH", "ERR", "AUTHFAIL", "REFUSED", "COUNT", "RULE"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var sort = new Option<string>("--sort")
        {
            Description = "What comes first.",
            HelpName = "key",
            DefaultValueFactory = static _ => ClientSort.Nearness.Word(),
        };
        sort.AcceptOnlyFromAmong([.. Enum.GetValues<ClientSort>().Select(static value => value.Word())]);
        var service = new Option<string?>("--service") { Description = "Only this service's.", HelpName = "name" };
        var state = new Option<string?>("--state") { Description = "Only those in this state.", HelpName = "state" };
        state.AcceptOnlyFromAmong([.. Enum.GetValues<ClientState>().Select(static value => value.Word())]);
        var prefix = new Option<string?>("--prefix") { Description = "Only those in this network.", HelpName = "prefix" };
        var limit = new Option<string>("--limit") { Description = "How many.", HelpName = "number", DefaultValueFactory = static _ => "20" };
        var once = new Option<bool>("--once") { Description = "Print the list once; to a terminal it is drawn anew each second until q." };
        var command = new Command("top", "Print the clients that are limited or nearest to it, or do most.") { sort, service, state, prefix, limit, once };
        options.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            string ResourceBy(string key) => ResourceQuery.Of(
                Resource, ("sort", key), ("service", arguments.GetValue(service)), ("state", arguments.GetValue(state)), ("prefix", arguments.GetValue(prefix)),
                ("limit", arguments.GetValue(limit)));
            return arguments.GetValue(once) || options.IsJson(arguments) || Console.IsOutputRedirected || Console.IsInputRedirected
                ? new ControlQuestion(options).AskAsync(
                    arguments, HttpMethod.Get, ResourceBy(arguments.GetValue(sort)!), change: null, Print, cancellationToken)
                : new TopScreen(options, arguments, ResourceBy).RunAsync(arguments.GetValue(sort)!, cancellationToken);
        });
        return command;
    }

    /// <summary>Prints a list.</summary>
    public static void Print(string text, PlainOutput output) => Print(JsonSerializer.Deserialize(text, ControlJson.Default.ClientList)!, output);

    /// <summary>The same, once it is read.</summary>
    public static void Print(ClientList list, PlainOutput output)
    {
        output.Table(_head, list.Clients.Select(client => (string[])[
            client.Service, client.Client, client.State, output.Time(client.Until), Number(client.Counts.Open), Number(client.Counts.Connections),
            Number(client.Counts.Messages), Number(client.Counts.Recipients), Number(client.Counts.TlsSessions), Number(client.Counts.Auths),
            Number(client.Counts.Errors), Number(client.Counts.AuthFailures), Number(client.Refused),
            client.Limit is { } limit ? $"{Number(client.Count!.Value)}/{Number(limit)}" : "", client.Rule ?? ""]));
        output.Line($"{Number(list.Clients.Count)} of {list.Total.ToString(CultureInfo.InvariantCulture)} clients");
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
