using System.CommandLine;
using System.CommandLine.Completions;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield postconf</c>: prints and edits parameters with the options, the output and the warnings of postconf(1).</summary>
internal static class PostconfCommand
{
    // The order of the letters is the one in which Postfix names options that exclude each other.
    private static readonly (string Letter, PostconfOptions Option, string Description)[] Switches =
    [
        ("-d", PostconfOptions.Defaults, "Print built-in defaults."),
        ("-e", PostconfOptions.Edit, "Edit the file: replace or append name=value."),
        ("-f", PostconfOptions.Fold, "Fold long lines."),
        ("-#", PostconfOptions.CommentOut, "Edit the file: comment out parameters."),
        ("-h", PostconfOptions.HideName, "Print values without names."),
        ("-H", PostconfOptions.HideValue, "Print names without values."),
        ("-n", PostconfOptions.OnlySet, "Print only what the file sets."),
        ("-o", PostconfOptions.Override, ""),
        ("-P", PostconfOptions.Services, "Print or edit parameters of services: service/inet/name."),
        ("-x", PostconfOptions.Expand, "Expand $name in values."),
        ("-X", PostconfOptions.Delete, "Edit the file: delete parameters."),
    ];

    private static readonly PostconfOptions[] Exclusive =
    [
        PostconfOptions.AnyEdit,
        PostconfOptions.Defaults | PostconfOptions.OnlySet | PostconfOptions.AnyEdit,
        PostconfOptions.Fold | PostconfOptions.AnyEdit,
        PostconfOptions.Expand | PostconfOptions.AnyEdit,
        PostconfOptions.Override | PostconfOptions.Defaults | PostconfOptions.AnyEdit,
        PostconfOptions.HideName | PostconfOptions.HideValue | PostconfOptions.AnyEdit,
    ];

    private const PostconfOptions NotOfServices = PostconfOptions.Defaults | PostconfOptions.CommentOut | PostconfOptions.OnlySet;

    /// <summary>Makes the command.</summary>
    /// <param name="answer">What is said behind an edit; null for nothing, as Postfix's does.</param>
    public static Command Create(EditAnswer? answer = null)
    {
        var file = ConfigurationArguments.File();
        var overrides = ConfigurationArguments.Overrides();
        var names = new Argument<string[]>("name") { Description = "Parameters; name=value to edit.", Arity = ArgumentArity.ZeroOrMore };
        names.CompletionSources.Add(static _ => ParameterCatalog.All.Keys.Select(static name => new CompletionItem(name)));
        var command = new Command("postconf", "Print or edit parameters, as postconf(1) does.") { file, overrides, names };
        var switches = Switches.Where(entry => entry.Option != PostconfOptions.Override)
            .Select(entry => (Flag: new Option<bool>(entry.Letter) { Description = entry.Description }, entry.Option)).ToList();
        foreach (var (flag, _) in switches)
            command.Options.Add(flag);
        command.SetAction((arguments, cancellationToken) =>
        {
            var assignments = arguments.GetValue(overrides) ?? [];
            var options = switches.Where(entry => arguments.GetValue(entry.Flag)).Aggregate(PostconfOptions.None, (sum, entry) => sum | entry.Option);
            if (assignments.Length > 0)
                options |= PostconfOptions.Override;
            var path = ShieldConfiguration.ResolvePath(arguments.GetValue(file)!);
            return RunAsync(options, path, assignments, arguments.GetValue(names) ?? [], answer, arguments.InvocationConfiguration.Output,
                arguments.InvocationConfiguration.Error, cancellationToken);
        });
        return command;
    }

    /// <summary>Runs the command.</summary>
    /// <returns>The exit status.</returns>
    private static async Task<int> RunAsync(
        PostconfOptions options, string path, string[] overrides, string[] names, EditAnswer? answer, TextWriter output, TextWriter error,
        CancellationToken cancellationToken)
    {
        try
        {
            if (names is [var first, ..] && first.Contains('=', StringComparison.Ordinal))
                options |= PostconfOptions.Edit;
            RequireCompatible(options);
            if ((options & PostconfOptions.AnyEdit) == 0)
            {
                new PostconfPrinter(path, overrides, output, error).Print(options, names);
                return 0;
            }

            var edited = new PostconfEditor(path, overrides, error).Edit(options, names);
            return answer is null || edited.Count == 0 ? 0 : await answer.GiveAsync(path, overrides, edited, error, cancellationToken);
        }
        catch (PostconfException exception)
        {
            await error.WriteLineAsync($"postconf: fatal: {exception.Message}");
            return 1;
        }
    }

    private static void RequireCompatible(PostconfOptions options)
    {
        foreach (var group in Exclusive)
        {
            var letters = Switches.Where(entry => (options & group & entry.Option) != 0).Select(entry => entry.Letter).ToList();
            if (letters.Count > 1)
                throw new PostconfException($"specify one of {string.Join(' ', letters)}");
        }
        if (options.HasFlag(PostconfOptions.Services) && Switches.FirstOrDefault(entry => (options & NotOfServices & entry.Option) != 0).Letter is { } letter)
            throw new PostconfException($"with option -P, do not specify {letter}");
    }
}
