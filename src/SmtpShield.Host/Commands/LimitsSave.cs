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
/// <param name="error">For what goes wrong.</param>
/// <param name="remedy">What to do where the file can't be written.</param>
internal sealed class LimitsSave(ControlQuestion question, ParseResult arguments, PlainOutput error, string remedy)
{
    /// <summary>Saves.</summary>
    /// <param name="set">The values, by name as main.cf has it.</param>
    /// <param name="why">For the log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The exit status.</returns>
    public async Task<int> SaveAsync(IReadOnlyDictionary<string, string> set, string? why, CancellationToken cancellationToken)
    {
        ParameterList? list = null;
        var status = await question.AskForStepAsync(
            arguments, HttpMethod.Get, LimitsCommand.Resource, change: null,
            text => list = JsonSerializer.Deserialize(text, ControlJson.Default.ParameterList), cancellationToken);
        if (status != ControlQuestion.Done)
            return status;
        if (!TryWrite(list!.Path, set, out var reason))
        {
            error.Line($"smtpshield: {reason}; nothing was changed ({remedy})");
            return ControlQuestion.Refused;
        }

        status = await question.AskForStepAsync(
            arguments, HttpMethod.Post, "v1/reload", JsonSerializer.Serialize(new(why), RequestJson.Default.ChangeRequest), static _ => { },
            cancellationToken);
        if (status != ControlQuestion.Done)
        {
            error.Line($"smtpshield: {list.Path} is written, but not in force (correct it: smtpshield check)");
            return status;
        }

        var above = list.Parameters.Where(static parameter => parameter.Overrides is not null)
            .Select(static parameter => parameter.Own ? ServiceParameter.Write(parameter.Service, parameter.Name) : parameter.Name)
            .Intersect(set.Keys).ToList();
        if (above.Count > 0)
        {
            status = await question.AskForStepAsync(
                arguments, HttpMethod.Post, LimitsCommand.Resource, LimitsSetCommand.Json(new(Reset: above, Why: why)), static _ => { }, cancellationToken);
        }

        if (status == ControlQuestion.Done && !question.IsJson(arguments))
            new PlainOutput(arguments.InvocationConfiguration.Output, TimeZoneInfo.Utc).Line($"saved in {list.Path}, and in force");
        return status;
    }

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
