using System.Text;

namespace SmtpShield.Host.Completion;

/// <summary>Completion for zsh(1): a function for a directory of its <c>fpath</c>, named <c>_smtpshield</c>.</summary>
internal static class ZshCompletion
{
    private const string Head = """
        #compdef smtpshield
        # zsh completion of smtpshield, made by: smtpshield completion zsh
        _smtpshield() {
            local at= i
            local -a items
            for ((i = 2; i < CURRENT; i++)); do
                case "${at:+$at }${words[i]}" in

        """;

    private const string Services = "${(s: :)${(j: :)${(f)\"$(smtpshield postconf -h shield_services 2>/dev/null)\"}//,/ }}";

    /// <summary>The script.</summary>
    public static string Of(IReadOnlyList<CompletedPlace> places)
    {
        var text = new StringBuilder(Head);
        foreach (var place in places.Where(static place => place.Path.Length > 0))
            text.Append($"            ('{place.Path}') at='{place.Path}' ;;\n");
        text.Append("        esac\n    done\n    case \"$at ${words[CURRENT-1]}\" in\n");
        foreach (var place in places)
        {
            foreach (var option in place.Options.Where(static option => option.Value is not null))
            {
                var patterns = string.Join('|', option.Names.Select(name => $"'{place.Path} {name}'"));
                text.Append($"        ({patterns}) {ValueOf(option.Value!)}; return ;;\n");
            }
        }

        text.Append("    esac\n    case \"$at\" in\n");
        foreach (var place in places)
        {
            var options = place.Options.SelectMany(static option => option.Names.Select(name => (Word: name, option.Description)));
            var subs = CompletedPlace.Below(place, places);
            text.Append($"        ('{place.Path}')\n            if [[ ${{words[CURRENT]}} == -* ]]; then items=({ItemsOf(options)})\n");
            text.Append(subs.Any() ? $"            else items=({ItemsOf(subs)})\n            fi ;;\n"
                : $"            else {ValueOf(place.Arguments)}; return\n            fi ;;\n");
        }

        return text.Append("    esac\n    _describe -t commands smtpshield items\n}\n")
            .Append("if [ \"$funcstack[1]\" = _smtpshield ]; then _smtpshield \"$@\"; else compdef _smtpshield smtpshield; fi\n").ToString();
    }

    private static string ItemsOf(IEnumerable<(string Word, string Description)> items) =>
        string.Join(' ', items.Select(static item => Quote($"{item.Word}:{item.Description}")));

    private static string ValueOf(CompletedValue value) => value.Kind switch
    {
        CompletedKind.Files => "_files",
        CompletedKind.Services => $"compadd -- {Services}",
        _ => $"compadd -- {string.Join(' ', value.Words)}".TrimEnd(),
    };

    private static string Quote(string text) => $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
