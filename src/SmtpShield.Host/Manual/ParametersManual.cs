using System.Text;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;

namespace SmtpShield.Host.Manual;

/// <summary>smtpshield.cf(5): all parameters, each as its page has it.</summary>
internal static class ParametersManual
{
    private const string Meaning = "## Meaning";

    private static readonly string[] _sections = ["Unit", "Default", "Range", "Reply", "Example", "Differences from Postfix", "Since"];

    /// <summary>The page, as roff.</summary>
    public static string Page()
    {
        var roff = new StringBuilder($$"""
            .TH SMTPSHIELD.CF 5 "" "SmtpShield {{Roff.Escape(ShieldConfigurationWatcher.Version)}}" "SmtpShield"
            .SH NAME
            smtpshield.cf \- parameters of SmtpShield
            .SH SYNOPSIS
            .I /etc/smtpshield/main.cf
            .SH DESCRIPTION
            The file has the syntax of Postfix\(aqs main.cf, see postconf(5).
            Parameters that Postfix has are called as there and mean the same; others begin with
            .BR shield_ .
            A value of one service is written
            .IB service /inet/ name
            = value.
            .PP
            Later layers win: built\-in defaults, the file, environment variables
            .RI ( SMTPSHIELD_NAME ),
            .B \-o
            .IB name = value
            on the command line.
            .B smtpshield check
            prints everything that is wrong with a file.
            .SH PARAMETERS

            """);
        foreach (var name in ParameterCatalog.All.Keys)
            Write(name, roff);
        return roff.Append(".SH SEE ALSO\nsmtpshield(1), postconf(5), anvil(8), smtpd(8)\n").ToString();
    }

    private static void Write(string name, StringBuilder roff)
    {
        if (ReferencePages.Parameter(name) is not { } page)
            return;
        roff.Append($".SS {Roff.Escape(name)}\n");
        MarkdownPage.Write(MarkdownPage.Section(page, Meaning), roff, isBegun: true);
        foreach (var section in _sections)
        {
            if (MarkdownPage.Section(page, $"## {section}") is not { Length: > 0 } text)
                continue;
            roff.Append($".PP\n{Roff.Italic($"{section}:")}\n");
            MarkdownPage.Write(text, roff, isBegun: true);
        }
    }
}
