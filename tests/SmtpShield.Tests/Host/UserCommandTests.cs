using System.CommandLine;
using SmtpShield.Control.Admin;
using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

/// <summary>Lines for the users file, which the shield takes.</summary>
public sealed class UserCommandTests
{
    [Test]
    [Property("Operations", "OPS-42")]
    public void Passwd_OfAPassword_PrintsALineItIsThePasswordOf()
    {
        var (status, output, _) = Run(PasswdCommand.Create(static _ => "correct horse"), "alice", "--role", "operate");
        var user = AdminUser.Parse(output.TrimEnd());
        Assert.Multiple(() =>
        {
            Assert.That((status, user?.Name, user?.Role), Is.EqualTo((0, "alice", AdminRole.Operate)));
            Assert.That(new PasswordCheck().IsRight(user, "correct horse", 0), Is.True);
            Assert.That(output, Does.Not.Contain("horse"));
        });
    }

    [Test]
    public void Passwd_TooShort_IsRefused() =>
        Assert.That(Run(PasswdCommand.Create(static _ => "1234567"), "alice", "--role", "view"), Is.EqualTo(
            (1, "", "smtpshield: a password has at least 8 characters (take a sentence)\n")));

    [Test]
    [Property("Operations", "OPS-42")]
    public void Token_For90Days_PrintsItsLineAndTheTokenApart()
    {
        var (status, output, error) = Run(TokenCommand.Create(), "robot", "--role", "view", "--for", "90d");
        var user = AdminUser.Parse(output.TrimEnd());
        var token = error["token, shown only now: ".Length..].TrimEnd();
        Assert.Multiple(() =>
        {
            Assert.That((status, user?.Name, user?.Role, user?.IsToken), Is.EqualTo((0, "robot", AdminRole.View, true)));
            Assert.That(AdminUser.HashOfToken(token), Is.EqualTo(user!.Hash));
            Assert.That(output, Does.Not.Contain(token));
            Assert.That(user.End, Is.EqualTo(TimeProvider.System.GetUtcNow().AddDays(90)).Within(TimeSpan.FromMinutes(10)));
        });
    }

    [TestCase("a b", "view", "90d")]
    [TestCase("robot", "root", "90d")]
    [TestCase("robot", "view", "9000d")]
    [TestCase("robot", "view", "0")]
    public void Token_OfWhatIsNone_IsRefused(string name, string role, string time) =>
        Assert.That(Run(TokenCommand.Create(), name, "--role", role, "--for", time).Status, Is.EqualTo(1));

    private static (int Status, string Output, string Error) Run(Command command, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var status = command.Parse(arguments).Invoke(new() { Output = output, Error = error });
        return (status, output.ToString(), error.ToString());
    }
}
