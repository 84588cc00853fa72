using System.CommandLine;
using System.Text;
using SmtpShield.Host.Import;
using SmtpShield.Host.Init;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield init</c>: writes a first configuration, from options, or from answers where a person is at the terminal.</summary>
internal static class InitCommand
{
    private const string DefaultMta = "127.0.0.1:10025";

    /// <summary>Makes the command.</summary>
    /// <param name="ask">
    /// Asks a question, and is told what an empty answer means, as none does; null: asks the person at the terminal, if there is one.
    /// </param>
    public static Command Create(Func<string, string, string?>? ask = null)
    {
        var mta = Text("--mta", "address:port", $"Where the MTA listens; {DefaultMta}.");
        var kind = Text("--kind", "name", "What it is: postfix, exchange or other; postfix.");
        kind.AcceptOnlyFromAmong([.. Enum.GetNames<MtaKind>().Select(static name => name.ToLowerInvariant())]);
        var balancers = Text("--balancers", "addresses", "Load balancers that clients come through, with a PROXY header; none.");
        var certificate = Text("--certificate", "file", "A file with a private key and, behind it, its certificate; none.");
        var hostname = Text("--hostname", "name", "The MTA's name; made from this host's.");
        var target = new Option<string>("-o", "--output")
        {
            Description = "The file to write.", HelpName = "file", DefaultValueFactory = static _ => ShieldConfiguration.DefaultPath,
        };
        var force = new Option<bool>("--force") { Description = "Replace the file when it is there already." };
        var command = new Command("init", "Write a first configuration, with limits that are only judged at first.")
        {
            mta, kind, balancers, certificate, hostname, target, force,
        };
        command.SetAction(arguments =>
        {
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            var path = arguments.GetValue(target)!;
            if (ConfigurationTarget.WhyNot(path, arguments.GetValue(force), "name one") is { Length: > 0 } reason)
                return ImportCommand.Fail([reason], error);

            var asked = ask ?? (Console.IsInputRedirected || !ReferenceEquals(output, Console.Out) ? static (_, _) => null : Ask);
            var (listens, name) = (Answer(mta, "Where does the MTA listen?", DefaultMta), Answer(kind, "What is it: postfix, exchange or other?", "postfix"));
            if (!Enum.TryParse<MtaKind>(name, ignoreCase: true, out var known) || !Enum.IsDefined(known))
                return ImportCommand.Fail([$"{name}: is none of postfix, exchange, other"], error);
            var answers = new InitAnswers(
                listens,
                known,
                Answer(balancers, "Which load balancers do clients come through (addresses, or none)?", ""),
                Answer(certificate, "Which file has the private key and the certificate (or none)?", ""),
                Answer(hostname, "What is the MTA's name?", DerivedDefaults.MyHostname(HostFacts.Local(), null)));
            return Write(answers, path, output, error);

            string Answer(Option<string?> option, string question, string otherwise) =>
                (arguments.GetValue(option) ?? asked(question, otherwise) ?? "").Trim() is { Length: > 0 } answer && answer != "none" ? answer : otherwise;
        });
        return command;
    }

    // What has a second line would set another parameter.
    private static Option<string?> Text(string name, string help, string description)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = help };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Any(static token => token.Value.Any(char.IsControl)))
                result.AddError($"{name}: one line");
        });
        return option;
    }

    private static string? Ask(string question, string otherwise)
    {
        Console.Write($"{question} [{(otherwise.Length > 0 ? otherwise : "none")}] ");
        return Console.ReadLine();
    }

    private static int Write(InitAnswers answers, string path, TextWriter output, TextWriter error)
    {
        var text = InitialConfiguration.Of(answers, path);
        if (ErrorsOf(text) is { Count: > 0 } errors)
            return ImportCommand.Fail(errors, error);

        var content = Encoding.UTF8.GetBytes(text);
        if ((File.Exists(path) ? FileReplacement.TryChange(path, _ => content) : FileReplacement.TryCreate(path, content)) is { Length: > 0 } failure)
            return ImportCommand.Fail([failure], error);
        output.WriteLine($"{path}: written");
        output.WriteLine($"next: smtpshield check{ConfigurationArguments.Naming(path)}");
        return 0;
    }

    // As a file that nobody sees: a wrong answer must leave none.
    private static List<string> ErrorsOf(string text)
    {
        var directory = Directory.CreateTempSubdirectory("smtpshield-init-");
        try
        {
            var path = Path.Combine(directory.FullName, "main.cf");
            File.WriteAllText(path, text);
            return [.. ShieldConfiguration.Load(path, []).Errors.Select(problem => $"{problem with { Location = new("init") }}")];
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
