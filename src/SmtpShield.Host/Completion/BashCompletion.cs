using System.Text;

namespace SmtpShield.Host.Completion;

/// <summary>Completion for bash(1), complete in itself: it needs no package bash-completion.</summary>
internal static class BashCompletion
{
    private const string Head = """
        # bash completion of smtpshield, made by: smtpshield completion bash
        _smtpshield()
        {
            local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at= words= i
            COMPREPLY=()
            for ((i = 1; i < COMP_CWORD; i++)); do
                case "${at:+$at }${COMP_WORDS[i]}" in

        """;

    private const string Services = "$(smtpshield postconf -h shield_services 2>/dev/null | tr , ' ')";

    /// <summary>The script.</summary>
    public static string Of(IReadOnlyList<CompletedPlace> places)
    {
        var text = new StringBuilder(Head);
        foreach (var place in places.Where(static place => place.Path.Length > 0))
            text.Append($"            '{place.Path}') at='{place.Path}' ;;\n");
        text.Append("        esac\n    done\n    case \"$at $before\" in\n");
        foreach (var place in places)
        {
            foreach (var option in place.Options.Where(static option => option.Value is not null))
            {
                var patterns = string.Join('|', option.Names.Select(name => $"'{place.Path} {name}'"));
                text.Append($"        {patterns}) {ValueOf(option.Value!)}; return ;;\n");
            }
        }

        text.Append("    esac\n    case \"$at\" in\n");
        foreach (var place in places)
        {
            var options = string.Join(' ', place.Options.SelectMany(static option => option.Names));
            string[] words = [.. CompletedPlace.Below(place, places).Select(static sub => sub.Word), .. place.Arguments.Words];
            var rest = place.Arguments.Kind == CompletedKind.Files ? ValueOf(place.Arguments) : ValueOf(new(CompletedKind.Words, words));
            text.Append($"        '{place.Path}') if [[ $cur == -* ]]; then words='{options}'; else {rest}; return; fi ;;\n");
        }

        return text.Append("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -F _smtpshield smtpshield\n").ToString();
    }

    private static string ValueOf(CompletedValue value) => value.Kind switch
    {
        // File names may have blanks in them: a line each.
        CompletedKind.Files => "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")",
        CompletedKind.Services => $"COMPREPLY=($(compgen -W \"{Services}\" -- \"$cur\"))",
        _ => $"COMPREPLY=($(compgen -W '{string.Join(' ', value.Words)}' -- \"$cur\"))",
    };
}
