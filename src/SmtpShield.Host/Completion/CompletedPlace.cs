using System.CommandLine;
using System.CommandLine.Completions;

namespace SmtpShield.Host.Completion;

/// <summary>A command, and what a shell can complete behind it.</summary>
/// <param name="Path">Its words behind the program's name; empty: the program itself.</param>
/// <param name="Description">What it is for, a line.</param>
/// <param name="Options">Its options.</param>
/// <param name="Arguments">What its argument may be.</param>
internal sealed record CompletedPlace(string Path, string Description, IReadOnlyList<CompletedOption> Options, CompletedValue Arguments)
{
    /// <summary>All commands of a program, hidden ones left out, the program itself first.</summary>
    public static IReadOnlyList<CompletedPlace> AllOf(RootCommand root) => [.. PlacesOf(root, "")];

    /// <summary>Those right below one.</summary>
    public static IEnumerable<(string Word, string Description)> Below(CompletedPlace place, IEnumerable<CompletedPlace> all) =>
        from other in all
        where other.Path.Length > 0 && other.Path[..Math.Max(0, other.Path.LastIndexOf(' '))] == place.Path
        select (other.Path[(other.Path.LastIndexOf(' ') + 1)..], other.Description);

    private static IEnumerable<CompletedPlace> PlacesOf(Command command, string path)
    {
        yield return new(
            path, FirstSentence(command.Description),
            [.. command.Options.Where(static option => !option.Hidden).Select(OptionOf)],
            command.Arguments.Select(ValueOf).FirstOrDefault(static value => value != CompletedValue.Nothing) ?? CompletedValue.Nothing);
        foreach (var place in command.Subcommands.Where(static sub => !sub.Hidden).SelectMany(sub => PlacesOf(sub, $"{path} {sub.Name}".TrimStart())))
            yield return place;
    }

    private static CompletedOption OptionOf(Option option) => new(
        [option.Name, .. option.Aliases], FirstSentence(option.Description),
        option.Arity.MinimumNumberOfValues == 0 ? null
            : option.Name == "--service" ? CompletedValue.Services
            : option.HelpName is "file" or "path" ? CompletedValue.Files
            : new(CompletedKind.Words, WordsOf(option.GetCompletions(CompletionContext.Empty))));

    private static CompletedValue ValueOf(Argument argument) => argument.HelpName is "file" or "directory" ? CompletedValue.Files
        : WordsOf(argument.GetCompletions(CompletionContext.Empty)) is { Count: > 0 } words ? new(CompletedKind.Words, words) : CompletedValue.Nothing;

    private static List<string> WordsOf(IEnumerable<CompletionItem> items) => [.. items.Select(static item => item.Label)];

    private static string FirstSentence(string? text) => (text ?? "").Split(". ")[0].TrimEnd('.');
}
