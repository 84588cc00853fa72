using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Clients;
using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

public sealed class TopScreenTests
{
    private static readonly string _list = JsonSerializer.Serialize(
        new ClientList(
            [.. Enumerable.Range(1, 50).Select(static i => new ClientRow("smtp", $"192.0.2.{i}", "free", new(0, i, 0, 0, 0, 0, 0, 0), 0)
            {
                Rule = "\u001B[31mx",
            })],
            1000, Truncated: true),
        ControlJson.Default.ClientList);

    [TestCase(80, 24)]
    [TestCase(20, 4)]
    [TestCase(1, 1)]
    [TestCase(400, 100)]
    [Property("Operations", "OPS-44")]
    public void Frame_OfATerminal_FitsIntoItAndHasNoSequenceInIt(int width, int height)
    {
        var lines = TopScreen.Frame(_list, "nearness", TimeZoneInfo.Utc, width, height).Split('\n');

        Assert.That(lines, Has.Length.LessThanOrEqualTo(Math.Max(3, height)));
        Assert.That(lines, Has.All.Length.LessThanOrEqualTo(width).And.All.Matches<string>(static line => line!.All(static c => c is >= ' ' and <= '~')));
    }

    [Test]
    public void SortOf_TheKeysOfTheFirstLine_AreAllOrders() => Assert.That(
        "nocmrtaefx".Select(TopScreen.SortOf), Is.EquivalentTo(Enum.GetValues<ClientSort>().Select(static sort => sort.Word())));
}
