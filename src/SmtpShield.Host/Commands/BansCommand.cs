using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Host.Firewall;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield bans</c>: who is banned, since when and until when, by what.</summary>
internal static class BansCommand
{
    /// <summary>What is asked.</summary>
    public const string Resource = "v1/bans";

    private static readonly string[] _head = ["PREFIX", "SINCE", "UNTIL", "LEVEL", "REFUSED", "BY"];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var prefix = new Argument<string?>("prefix") { Description = "Only those in it, or that cover it.", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "Also those that are over and make the next one longer." };
        var kernel = new Option<bool>("--kernel") { Description = "What the kernel drops, beside what it should; as root." };
        var nft = new Option<string>("--nft") { Description = "The program, with --kernel.", HelpName = "path", DefaultValueFactory = static _ => "nft" };
        var command = new Command("bans", "Print who is banned, until when and by what.") { prefix, all, kernel, nft };
        options.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(kernel) && (result.GetValue(all) || result.GetValue(prefix) is not null))
                result.AddError("--kernel stands alone: the whole table of the kernel is read");
        });
        command.SetAction((arguments, cancellationToken) => arguments.GetValue(kernel)
            ? new KernelQuestion(options, arguments.GetValue(nft)!, TimeProvider.System).AskAsync(arguments, cancellationToken)
            : PrintAsync(options, arguments, arguments.GetValue(prefix), arguments.GetValue(all) ? "all" : null, cancellationToken));
        return command;
    }

    /// <summary>Which rule it was, and how often; or who.</summary>
    public static string ReasonOf(BanReport ban)
    {
        if (ban.Rule is { } rule)
            return string.Create(CultureInfo.InvariantCulture, $"{rule}, {ban.Hits ?? 0} hits");
        return ban.By is not { } by ? "" : ban.Why is { } why ? $"{by}: {why}" : by;
    }

    // A page after the other; with --json a line each.
    private static async Task<int> PrintAsync(
        ControlArguments options, ParseResult arguments, string? prefix, string? state, CancellationToken cancellationToken)
    {
        var rows = new List<BanReport>();
        string? after = null;
        PlainOutput? output = null;
        do
        {
            var status = await new ControlQuestion(options).AskAsync(
                arguments, HttpMethod.Get, ResourceQuery.Of(Resource, ("prefix", prefix), ("state", state), ("after", after)), change: null,
                (text, printer) =>
                {
                    var list = JsonSerializer.Deserialize(text, ControlJson.Default.BanList)!;
                    rows.AddRange(list.Bans);
                    (after, output) = (list.After, printer);
                    return ControlQuestion.Done;
                },
                cancellationToken);
            if (status != ControlQuestion.Done)
                return status;
        }
        while (after is not null);

        output?.Table(_head, rows.Select(ban => RowOf(ban, output)));
        return ControlQuestion.Done;
    }

    private static string[] RowOf(BanReport ban, PlainOutput output) =>
    [
        ban.Prefix, output.Time(ban.Since), output.Time(ban.Until), ban.Level > 0 ? Number(ban.Level) : "", ban.Refused is { } refused ? Number(refused) : "",
        ban.State == BanReport.Over ? "over" : ReasonOf(ban),
    ];

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
