using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary>The nodemailer package, which tests/run installs.</summary>
internal static class Nodemailer
{
    private static readonly SemaphoreSlim s_installing = new(1);

    /// <summary>
    /// Where its <c>node_modules</c> are; ignores the test where there is none. npm's own cache makes this quick the second time; nothing
    /// is written into the source tree.
    /// </summary>
    public static async Task<string> RequireAsync(CancellationToken cancellationToken)
    {
        RealPostfix.RequireProgram("node");
        var directory = Environment.GetEnvironmentVariable("SMTPSHIELD_TEST_NODE_DIRECTORY") ?? Path.Combine(Path.GetTempPath(), "smtpshield-test-node");
        var modules = Path.Combine(directory, "node_modules");
        await s_installing.WaitAsync(cancellationToken);
        try
        {
            if (Directory.Exists(Path.Combine(modules, "nodemailer")))
                return modules;
            RealPostfix.RequireProgram("npm");
            var (exitCode, output) = await OutsideProcess.RunAsync("npm", ["install", "--no-audit", "--no-fund", "--prefix", directory, "nodemailer"],
                TimeSpan.FromSeconds(120), cancellationToken);
            if (exitCode != 0)
                Assert.Ignore($"npm cannot install nodemailer:\n{output}");
            return modules;
        }
        finally
        {
            s_installing.Release();
        }
    }
}
