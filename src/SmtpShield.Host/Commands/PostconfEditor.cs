using System.Text;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Editing;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>The part of <c>postconf</c> that changes the file: <c>-e</c>, <c>-X</c>, <c>-#</c>.</summary>
internal sealed class PostconfEditor(string path, string[] overrides, TextWriter error)
{
    /// <summary>Edits the file.</summary>
    /// <returns>The names that were to be edited.</returns>
    /// <exception cref="PostconfException">The arguments are wrong, or the file cannot be read or written; it is unchanged then.</exception>
    public IReadOnlyCollection<string> Edit(PostconfOptions options, string[] arguments)
    {
        if (arguments.Length == 0)
            throw new PostconfException(options.HasFlag(PostconfOptions.Edit) ? "-e requires name=value argument" : "missing service argument");
        var edit = options.HasFlag(PostconfOptions.Edit) ? MainCfEdit.Set : options.HasFlag(PostconfOptions.Delete) ? MainCfEdit.Delete : MainCfEdit.CommentOut;
        var changes = ReadChanges(edit, arguments, options.HasFlag(PostconfOptions.Services));
        if (changes.Count == 0)
            return [];
        var multiple = new List<string>();
        // Octets as characters: what is not UTF-8 must survive.
        var failure = FileReplacement.TryChange(path, content =>
        {
            multiple.Clear();
            return Encoding.Latin1.GetBytes(MainCfEditor.Apply(Encoding.Latin1.GetString(content), edit, changes, multiple));
        });
        if (failure.Length > 0)
            throw new PostconfException(failure);
        foreach (var name in multiple)
            error.WriteLine($"postconf: warning: {path}: multiple entries for \"{name}\"");
        return changes.Keys;
    }

    private Dictionary<string, string> ReadChanges(MainCfEdit edit, string[] arguments, bool isOfServices)
    {
        var changes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var argument in arguments)
        {
            var (name, value) = edit == MainCfEdit.Set ? ReadAssignment(argument) : (ReadName(argument), "");
            if (isOfServices)
            {
                foreach (var own in ServicesOf(name, edit, argument))
                    changes[own] = value;
                continue;
            }
            if (edit == MainCfEdit.Set && changes.TryGetValue(name, out var earlier))
                error.WriteLine($"postconf: warning: ignoring earlier request: '{name} = {earlier}'");
            changes[name] = value;
        }
        return changes.ToDictionary(change => Octets(change.Key), change => Octets(change.Value), StringComparer.Ordinal);
    }

    // What is left of a service that is gone can be deleted, but not added to.
    private List<string> ServicesOf(string name, MainCfEdit edit, string argument)
    {
        var pattern = ServicePattern.OfEdit(name);
        var configuration = new ShieldConfiguration(path, overrides, new Dictionary<string, string>(), HostFacts.Local());
        var services = ServiceParameters.Listed(configuration).Select(service => (Service: service, Type: ServiceParameter.Inet));
        if (edit == MainCfEdit.Delete)
            services = services.Concat(ServiceParameters.Of(configuration.File).Select(parameter => (parameter.Service, parameter.Type)));
        var found = services.Distinct().Where(service => pattern.FitsService(service.Service, service.Type))
            .Select(service => $"{service.Service}/{service.Type}/{pattern.Parameter}").ToList();
        if (found.Count == 0)
            error.WriteLine($"postconf: warning: unmatched service_name/type: \"{argument}\"");
        return found;
    }

    private static (string Name, string Value) ReadAssignment(string argument)
    {
        RequireOneLine(argument);
        return NameValue.TrySplit(argument, out var assignment, out var wrong)
            ? (assignment.Name, assignment.Value)
            : throw new PostconfException($"{wrong}: \"{argument.TrimStart()}\"");
    }

    private static string ReadName(string argument)
    {
        RequireOneLine(argument);
        if (argument.Contains('=', StringComparison.Ordinal))
            throw new PostconfException("-X or -# requires parameter names without value");
        return argument.Trim() is { Length: > 0 } name ? name : throw new PostconfException("-X or -# requires non-blank parameter names");
    }

    private static void RequireOneLine(string argument)
    {
        if (argument.Contains('\n', StringComparison.Ordinal))
            throw new PostconfException("-e, -X, or -# accepts no multi-line input");
        if (argument.TrimStart().StartsWith('#'))
            throw new PostconfException("-e, -X, or -# accepts no comment input");
    }

    private static string Octets(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
