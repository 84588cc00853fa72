using System.Reflection;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;
using SmtpShield.Throttling;

namespace SmtpShield.Tests.Throttling;

public class LineRolesTests
{
    // A bug, what is not written unless somebody asks for it, and lines of limits in shadow, which have a bound of their own: they must not use up the
    // budgets of those that were enforced.
    private static readonly int[] _alwaysLogged = [1409, 1430, 1431, 2004, 1250, 1251, 1252, 1453, 1454, 1559, 1560, 1561, 1562];

    /// <summary>A line about a client that has no role would be logged in a flood, without the lines it belongs to.</summary>
    [Test]
    public void Of_LinesAboutAClient_IsARole() => Assert.That(
        from type in typeof(MaillogLoggerProvider).Assembly.GetTypes()
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        let line = method.GetCustomAttribute<LoggerMessageAttribute>()
        where line is not null && line.Message.Contains("{Client}", StringComparison.Ordinal)
            && !line.Message.StartsWith("statistics", StringComparison.Ordinal)
        where LineRoles.Of(line.EventId).Role == LineRole.Always && !_alwaysLogged.Contains(line.EventId)
        select line.EventId, Is.Empty);
}
