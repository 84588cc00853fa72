using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Tuning;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>
/// <c>limits set --save</c>, behind a dry run that had nothing against it, and <c>suggest --write</c>: writes the shield's main.cf with the rights of whoever
/// gives the command, lets the shield read it, and takes back what was set at run time above it.
/// </summary>
/// <param name="question">Asks.</param>
/// <param name="arguments">The command line.</param>
/// <param name="file">The file the command line means, in full: another one is not written, whatever a shield says.</param>
/// <param name="error">For what goes wrong.</param>
/// <param name="remedy">What to do where the file can't be written.</param>
internal sealed class LimitsSave(ControlQuestion question, ParseResult arguments, string file, PlainOutput error, string remedy)
{
    private const string CommandLine = "-o";
    private const string Environment = "environment";

    /// <summary>Saves.</summary>
    /// <param name="set">The values, by name as main.cf has it.</param>
    /// <param name="why">For the log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The exit status.</returns>
    public async Task<int> SaveAsync(IReadOnlyDictionary<string, string> set, string? why, CancellationToken cancellationToken)
    {
        var (parameters, path) = (new List<ParameterReport>(), "");
        var status = ControlQuestion.Done;
        foreach (var name in set.Keys.Select(PlainName).Distinct())
        {
            status = await question.AskForStepAsync(
                arguments, HttpMethod.Get, $"{LimitsCommand.Resource}?name={Uri.EscapeDataString(name)}", change: null,
                text =>
                {
                    var list = JsonSerializer.Deserialize(text, ControlJson.Default.ParameterList)!;
                    parameters.AddRange(list.Parameters.Where(parameter => set.ContainsKey(WrittenName(parameter))));
                    path = list.Path;
                },
                cancellationToken);
            if (status != ControlQuestion.Done)
                return status;
        }

        if (path != file)
        {
            error.Line($"smtpshield: the shield has read {path}, not {file}; nothing was changed (name the file with -c)");
            return ControlQuestion.Refused;
        }

        if (parameters.FirstOrDefault(static parameter => OriginOf(parameter) is CommandLine or Environment) is { } hidden)
        {
            var by = OriginOf(hidden) == CommandLine ? "-o" : "the environment";
            error.Line($"smtpshield: {WrittenName(hidden)} is set by {by}, which wins over the file; nothing was changed");
            return ControlQuestion.Refused;
        }

        if (!TryWrite(path, set, out var reason))
        {
            error.Line($"smtpshield: {reason}; nothing was changed ({remedy})");
            return ControlQuestion.Refused;
        }

        status = await question.AskForStepAsync(
            arguments, HttpMethod.Post, "v1/reload", JsonSerializer.Serialize(new(why), RequestJson.Default.ChangeRequest), static _ => { },
            cancellationToken);
        if (status != ControlQuestion.Done)
        {
            error.Line($"smtpshield: {path} is written, but not in force (correct it: smtpshield check)");
            return status;
        }

        var above = parameters.Where(static parameter => parameter.Overrides is not null).Select(WrittenName).Distinct().ToList();
        if (above.Count > 0)
        {
            status = await question.AskForStepAsync(
                arguments, HttpMethod.Post, LimitsCommand.Resource, LimitsSetCommand.Json(new(Reset: above, Why: why)), static _ => { }, cancellationToken);
        }

        if (status == ControlQuestion.Done && !question.IsJson(arguments))
            new PlainOutput(arguments.InvocationConfiguration.Output, TimeZoneInfo.Utc).Line($"saved in {path}, and in force");
        return status;
    }

    private static string PlainName(string name) => ServiceParameter.TryParse(name, out var parameter) ? parameter.Name : name;

    private static string WrittenName(ParameterReport parameter) =>
        parameter.Own ? ServiceParameter.Write(parameter.Service, parameter.Name) : parameter.Name;

    // Without what was set at run time, which is taken back.
    private static string OriginOf(ParameterReport parameter) => parameter.Configured?.Origin ?? parameter.Origin;

    private bool TryWrite(string path, IReadOnlyDictionary<string, string> set, out string reason)
    {
        reason = "";
        try
        {
            var editor = new PostconfEditor(path, [], arguments.InvocationConfiguration.Error);
            foreach (var ofServices in set.ToLookup(static pair => ServiceParameter.TryParse(pair.Key, out _), static pair => $"{pair.Key}={pair.Value}"))
                editor.Edit(ofServices.Key ? PostconfOptions.Edit | PostconfOptions.Services : PostconfOptions.Edit, [.. ofServices]);
        }
        catch (PostconfException exception)
        {
            reason = exception.Message;
        }

        return reason.Length == 0;
    }
}
