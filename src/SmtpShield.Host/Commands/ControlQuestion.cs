using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;

namespace SmtpShield.Host.Commands;

/// <summary>Asks a running shield for a command, prints what it says, and gives the command's exit status.</summary>
/// <param name="options">The command's options.</param>
/// <param name="patience">How long the shield may take; null: as long as for any request.</param>
internal sealed class ControlQuestion(ControlArguments options, TimeSpan? patience = null)
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Refused, wrong or not found.</summary>
    public const int Refused = 1;

    /// <summary>There is no shield.</summary>
    public const int NoShield = 3;

    /// <summary>The longest path of a Unix socket, see unix(7).</summary>
    private const int LongestPath = 107;

    /// <summary>Whether answers are printed as they are.</summary>
    public bool IsJson(ParseResult arguments) => options.IsJson(arguments);

    /// <summary>Asks.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="method">GET; POST or DELETE for a change.</param>
    /// <param name="resource">The path, below the root.</param>
    /// <param name="change">The JSON of a change; null for none.</param>
    /// <param name="print">Prints the answer for people.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<int> AskAsync(
        ParseResult arguments, HttpMethod method, string resource, string? change, Action<string, PlainOutput> print, CancellationToken cancellationToken) =>
        AskAsync(
            arguments,
            method,
            resource,
            change,
            (text, printer) =>
            {
                if (printer is not null)
                    print(text, printer);
                return Done;
            },
            cancellationToken);

    /// <summary>Asks, where the answer decides on the exit status.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="method">GET; POST or DELETE for a change.</param>
    /// <param name="resource">The path, below the root.</param>
    /// <param name="change">The JSON of a change; null for none.</param>
    /// <param name="conclude">Prints the answer for people, and gives the status; there is nothing to print to when the JSON is printed.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<int> AskAsync(
        ParseResult arguments, HttpMethod method, string resource, string? change, Func<string, PlainOutput?, int> conclude,
        CancellationToken cancellationToken) =>
        AskAsync(arguments, method, resource, change, conclude, isStep: false, cancellationToken);

    /// <summary>Asks for a step of something larger, of which only what goes wrong is printed.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="method">GET; POST or DELETE for a change.</param>
    /// <param name="resource">The path, below the root.</param>
    /// <param name="change">The JSON of a change; null for none.</param>
    /// <param name="use">Takes the answer.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<int> AskForStepAsync(
        ParseResult arguments, HttpMethod method, string resource, string? change, Action<string> use, CancellationToken cancellationToken) =>
        AskAsync(
            arguments,
            method,
            resource,
            change,
            (text, _) =>
            {
                use(text);
                return Done;
            },
            isStep: true,
            cancellationToken);

    private async Task<int> AskAsync(
        ParseResult arguments, HttpMethod method, string resource, string? change, Func<string, PlainOutput?, int> conclude, bool isStep,
        CancellationToken cancellationToken)
    {
        var output = arguments.InvocationConfiguration.Output;
        var error = new PlainOutput(arguments.InvocationConfiguration.Error, options.ZoneOf(arguments));
        var (path, whyNot) = options.SocketOf(arguments);
        if (whyNot.Length > 0)
        {
            error.Line($"smtpshield: {whyNot}");
            return Refused;
        }

        if (await AskAsync(path, method, resource, change, cancellationToken) is not { } answer)
        {
            error.Line($"smtpshield: {NobodyAt(path)}");
            return NoShield;
        }

        try
        {
            foreach (var problem in answer.IsDone ? [] : ProblemsOf(answer.Text))
                error.Line($"smtpshield: {problem}");
            if (options.IsJson(arguments) && !isStep)
                await output.WriteAsync(answer.Text);
            return answer.IsDone ? conclude(answer.Text, options.IsJson(arguments) ? null : TerminalOutput.Of(output, options.ZoneOf(arguments))) : Refused;
        }
        catch (JsonException)
        {
            error.Line($"smtpshield: what answers at {path} is no shield of this version (name the right one with --socket)");
            return Refused;
        }
    }

    private async Task<ControlAnswer?> AskAsync(
        string path, HttpMethod method, string resource, string? change, CancellationToken cancellationToken)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(path) > LongestPath)
            return null;
        using var shield = new ControlClient(path, patience);
        return await shield.AskAsync(method, resource, change, cancellationToken);
    }

    /// <summary>What to say where nobody answers.</summary>
    public static string NobodyAt(string path) => $"no shield answers at {path} (is it running? are you in group smtpshield?)";

    /// <summary>Why the shield has not done what it was asked for.</summary>
    /// <param name="text">Its answer.</param>
    /// <exception cref="JsonException">It is none of a shield's.</exception>
    public static string WhyNot(string text) =>
        JsonSerializer.Deserialize(text, ControlJson.Default.ProblemReport) is { Problems: [var problem, ..] } ? problem.ToString() : throw new JsonException();

    private static IEnumerable<ControlProblem> ProblemsOf(string text) =>
        JsonSerializer.Deserialize(text, ControlJson.Default.ProblemReport) is { Problems: [_, ..] problems } ? problems : throw new JsonException();
}
