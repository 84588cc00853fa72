using NUnit.Framework.Interfaces;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The local time of this process is UTC during these tests: pages have local times, and their place is UTC. Not beside others.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class InUtcAttribute : Attribute, ITestAction
{
    public ActionTargets Targets => ActionTargets.Test;

    public void BeforeTest(ITest test) => SetZone("UTC");

    public void AfterTest(ITest test) => SetZone(null);

    private static void SetZone(string? zone)
    {
        Environment.SetEnvironmentVariable("TZ", zone);
        TimeZoneInfo.ClearCachedData();
    }
}
