using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary>What tests with a real Postfix need of the machine.</summary>
internal static class RealPostfix
{
    /// <summary>Ignores the test, with the reason, where no Postfix can run.</summary>
    public static void Require()
    {
        if (PostfixInstance.Missing is { } reason)
            Assert.Ignore(reason);
    }

    /// <summary>Ignores the test where a program is not installed.</summary>
    public static void RequireProgram(string name)
    {
        if (!OutsideProcess.IsInstalled(name))
            Assert.Ignore($"{name} is not installed (tests/run installs it when it runs as root)");
    }
}
