using System.CommandLine;
using System.Text;
using SmtpShield.Options;

namespace SmtpShield.Host.Manual;

/// <summary>smtpshield(1): the commands as <c>--help</c> has them, with the page of the reference.</summary>
internal static class CommandsManual
{
    private const string End = """
        .SH FILES
        .TP
        .I /etc/smtpshield/main.cf
        The configuration, see smtpshield.cf(5).
        .TP
        .I /run/smtpshield/control.sock
        Where the running shield is asked.
        .SH SEE ALSO
        smtpshield.cf(5), postconf(1), postconf(5), anvil(8), smtpd(8)

        """;

    /// <summary>The page, as roff.</summary>
    public static string Of(RootCommand root)
    {
        var roff = new StringBuilder($"""
            .TH SMTPSHIELD 1 "" "SmtpShield {Roff.Escape(ShieldConfigurationWatcher.Version)}" "SmtpShield"
            .SH NAME
            smtpshield \- limits before a mail server that is already there
            .SH SYNOPSIS
            .B smtpshield
            .I command
            .RI [ options ]
            .SH DESCRIPTION
            {Roff.Line(root.Description ?? "")}

            """);
        var page = ReferencePages.Commands;
        MarkdownPage.Write(MarkdownPage.Section(page, page.Split('\n')[0]).Split("\n## ")[0], roff);
        roff.Append(".SH COMMANDS\n");
        foreach (var command in root.Subcommands.Where(static command => !command.Hidden))
            Write(command, page, roff);
        return roff.Append(End).ToString();
    }

    private static void Write(Command command, string page, StringBuilder roff)
    {
        var text = MarkdownPage.Section(page, $"## {command.Name}");
        roff.Append($".SS {Roff.Escape(command.Name)}\n");
        if (command.Subcommands.Count > 0)
            roff.Append(Roff.Line(command.Description ?? "")).Append('\n');
        foreach (var (words, one) in AllOf(command, $"smtpshield {command.Name}"))
        {
            var arguments = string.Concat(one.Arguments.Select(static argument => argument.Arity.MinimumNumberOfValues == 0
                ? $" [{Roff.Italic(argument.Name)}]" : $" {Roff.Italic(argument.Name)}"));
            roff.Append($".TP\n{Roff.Bold(words)}{arguments} [{Roff.Italic("options")}]\n{Roff.Line(one.Description ?? "")}\n");
        }

        // What the page says nothing of, the help does.
        var options = AllOf(command, "").SelectMany(static each => each.Command.Options).Where(static option => !option.Hidden)
            .DistinctBy(static option => option.Name).Where(option => !NamesOf(option).All(name => text.Contains($"`{name}", StringComparison.Ordinal)));
        foreach (var option in options)
        {
            var names = string.Join(", ", NamesOf(option).Select(Roff.Bold));
            var value = option.Arity.MinimumNumberOfValues > 0 ? $" {Roff.Italic(option.HelpName ?? "value")}" : "";
            roff.Append($".TP\n{names}{value}\n{Roff.Line(option.Description ?? "")}\n");
        }

        MarkdownPage.Write(text, roff);
    }

    private static IEnumerable<(string Words, Command Command)> AllOf(Command command, string words) => command.Subcommands.Count == 0
        ? [(words, command)] : command.Subcommands.Where(static sub => !sub.Hidden).SelectMany(sub => AllOf(sub, $"{words} {sub.Name}"));

    private static IEnumerable<string> NamesOf(Option option) =>
        ((string[])[option.Name, .. option.Aliases]).OrderBy(static name => name.Length).ThenBy(static name => name, StringComparer.Ordinal);
}
