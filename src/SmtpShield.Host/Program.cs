using System.CommandLine;
using SmtpShield.Host.Commands;

var root = new RootCommand("A transparent SMTP front-end proxy with Postfix's limits and words.")
{
    CheckCommand.Create(),
    PostconfCommand.Create(),
};
// A parameter value may begin with @.
return await root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }).InvokeAsync();
