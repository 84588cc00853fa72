using System.CommandLine;
using System.Text;
using SmtpShield.Host.Import;
using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary>
/// <c>smtpshield import</c>: a configuration made from Postfix's main.cf and master.cf, and what to change there; with <c>--apply</c> it is changed,
/// with <c>--undo</c> changed back.
/// </summary>
internal static class ImportCommand
{
    private const int MaxErrors = 20;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var source = new Argument<string>("postfix") { Description = "Postfix's configuration directory, or its main.cf.", HelpName = "directory" };
        var target = new Option<string?>("-o", "--output")
        {
            Description = $"The file to write; standard output without it, {ShieldConfiguration.DefaultPath} with --apply.",
            HelpName = "file",
        };
        var force = new Option<bool>("--force") { Description = "Replace the file when it is there already." };
        var switching = new ImportSwitch();
        var command = new Command("import", "Make a configuration from Postfix's main.cf and master.cf.") { source, target, force };
        switching.AddTo(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            var (path, file, isForced) = (arguments.GetValue(source)!, arguments.GetValue(target), arguments.GetValue(force));
            return switching.IsAsked(arguments)
                ? switching.RunAsync(arguments, path, file, isForced, output, error, cancellationToken)
                : Task.FromResult(Run(path, file, isForced, output, error));
        });
        return command;
    }

    /// <summary>Reads Postfix's files.</summary>
    /// <param name="source">The directory, or its main.cf.</param>
    /// <param name="target">Where the configuration is to be written; null for standard output.</param>
    /// <param name="isForced">Whether a file there is replaced.</param>
    /// <param name="errors">What is wrong with the files, or with the place to write to.</param>
    public static PostfixFiles Read(string source, string? target, bool isForced, out List<string> errors)
    {
        var files = PostfixFiles.Read(source);
        errors = files.Problems.Where(problem => problem.Severity == ProblemSeverity.Error).Select(problem => problem.ToString()).ToList();
        if (errors.Count == 0 && SmtpdServices.BehindShield(files) is { } own)
        {
            errors.Add($"{files.Master.Path}, line {own.Line}: {own.Service} is the smtpd behind a shield already (syslog_name = {InnerService.SyslogName}), " +
                "and no host outside reaches it. To import anew, first put back what was before: " +
                $"smtpshield import --undo {files.Directory}, or the copy master.cf.before-smtpshield");
        }
        if (errors.Count == 0 && target is not null
            && ConfigurationTarget.WhyNot(target, isForced, "leave -o out for standard output") is { Length: > 0 } reason)
            errors.Add(reason);
        return files;
    }

    /// <summary>Prints errors.</summary>
    /// <returns>The exit status.</returns>
    public static int Fail(List<string> errors, TextWriter error)
    {
        foreach (var message in errors.Take(MaxErrors))
            error.WriteLine($"error: {message}");
        if (errors.Count > MaxErrors)
            error.WriteLine($"error: {errors.Count - MaxErrors} more");
        error.WriteLine("nothing was written");
        return 1;
    }

    private static int Run(string source, string? target, bool isForced, TextWriter output, TextWriter error)
    {
        var files = Read(source, target, isForced, out var errors);
        if (errors.Count > 0)
            return Fail(errors, error);

        var result = PostfixImport.Make(files, target is null ? ShieldConfiguration.DefaultPath : Path.GetFullPath(target), HostFacts.Local());
        foreach (var note in result.Notes)
            error.WriteLine(note);
        if (target is null)
        {
            output.Write(result.Text);
            return 0;
        }
        var content = Encoding.UTF8.GetBytes(result.Text);
        var failure = File.Exists(target) ? FileReplacement.TryChange(target, _ => content) : FileReplacement.TryCreate(target, content);
        return failure.Length == 0 ? 0 : Fail([failure], error);
    }
}
