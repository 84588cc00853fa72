using System.Text;

namespace SmtpShield.Host.Completion;

/// <summary>Completion for fish(1): a file <c>smtpshield.fish</c> in a directory of its <c>fish_complete_path</c>.</summary>
internal static class FishCompletion
{
    private const string Services = "(string split -n -- ' ' (smtpshield postconf -h shield_services 2>/dev/null | string replace -a , ' '))";

    /// <summary>The script.</summary>
    public static string Of(IReadOnlyList<CompletedPlace> places)
    {
        var paths = string.Join(' ', places.Where(static place => place.Path.Length > 0).Select(static place => $"'{place.Path}'"));
        var text = new StringBuilder($"""
            # fish completion of smtpshield, made by: smtpshield completion fish
            function __smtpshield_at
                set -l at ''
                for word in (commandline -opc)[2..-1]
                    set -l next (string trim -- "$at $word")
                    if contains -- "$next" {paths}
                        set at "$next"
                    end
                end
                test "$at" = "$argv[1]"
            end
            complete -c smtpshield -f

            """);
        foreach (var place in places)
        {
            var at = $"complete -c smtpshield -n \"__smtpshield_at '{place.Path}'\"";
            foreach (var (word, description) in CompletedPlace.Below(place, places))
                text.Append($"{at} -a {word} -d {Quote(description)}\n");
            foreach (var option in place.Options)
                text.Append($"{at} {string.Join(' ', option.Names.Select(NameOf))}{ValueOf(option.Value)} -d {Quote(option.Description)}\n");
            if (place.Arguments.Kind == CompletedKind.Files)
                text.Append($"{at} -F\n");
            else if (place.Arguments.Words.Count > 0)
                text.Append($"{at} -a {Quote(string.Join(' ', place.Arguments.Words))}\n");
        }

        return text.ToString();
    }

    private static string NameOf(string name) => name.StartsWith("--", StringComparison.Ordinal) ? $"-l {name[2..]}" : $"-s {Quote(name[1..])}";

    private static string ValueOf(CompletedValue? value) => value is null ? ""
        : value.Kind switch
        {
            CompletedKind.Files => " -r -F",
            CompletedKind.Services => $" -x -a {Quote(Services)}",
            _ => value.Words.Count > 0 ? $" -x -a {Quote(string.Join(' ', value.Words))}" : " -x",
        };

    private static string Quote(string text) =>
        $"'{text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", @"\'", StringComparison.Ordinal)}'";
}
