using System.Reflection;
using Microsoft.Extensions.Logging;
using SmtpShield.Observe;

namespace SmtpShield.Tests.Observe;

/// <summary>Event ids are what people filter on: one id is one event, for ever, and tells the folder it comes from.</summary>
public class EventIdTests
{
    private static readonly Dictionary<string, int[]> _rangesOfFolder = new(StringComparer.Ordinal)
    {
        ["Listening"] = [1000],
        ["Hosting"] = [1000],
        ["Clients"] = [1100],
        ["Admission"] = [1200],
        ["Limits"] = [1300],
        ["Shadow"] = [1200, 1400, 1500],
        ["Session"] = [1400, 1500],
        ["Throttling"] = [1400, 1500],
        ["Mta"] = [1600],
        ["Options"] = [1700],
        ["Observe"] = [1800],
        ["Transport"] = [1900],
        ["Tls"] = [2000],
        ["Control"] = [2100, 2300],
        ["State"] = [2100],
        ["Bans"] = [2200],
        ["Upgrade"] = [2400],
    };

    private static readonly (string Where, string Folder, int Id)[] _events = [.. from type in typeof(MaillogLoggerProvider).Assembly.GetTypes()
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        let attribute = method.GetCustomAttribute<LoggerMessageAttribute>()
        where attribute is not null
        select ($"{type.FullName}.{method.Name}", type.Namespace!.Split('.').ElementAtOrDefault(1) ?? "", attribute.EventId)];

    [Test]
    public void Ids_OfAllEvents_AreUnique() =>
        Assert.That(_events.GroupBy(e => e.Id).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => e.Where))}"), Is.Empty);

    [Test]
    public void Ids_OfEachEvent_AreInTheRangeOfItsFolder() =>
        Assert.That(_events.Where(e => !_rangesOfFolder.TryGetValue(e.Folder, out var ranges) || !ranges.Contains(e.Id / 100 * 100))
            .Select(e => $"{e.Where} has {e.Id}"), Is.Empty);

    [Test]
    public void Scan_OfTheAssembly_FindsEvents() => Assert.That(_events, Is.Not.Empty);
}
