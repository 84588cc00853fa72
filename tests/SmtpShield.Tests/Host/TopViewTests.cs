using SmtpShield.Control;
using SmtpShield.Control.Clients;
using SmtpShield.Host.Commands;

namespace SmtpShield.Tests.Host;

/// <summary>What <c>top</c> shows on a terminal, and what its keys are about.</summary>
public sealed class TopViewTests
{
    [TestCase(80, 24)]
    [TestCase(20, 4)]
    [TestCase(1, 1)]
    [TestCase(400, 100)]
    [Property("Operations", "OPS-44")]
    public void Frame_OfATerminal_FitsIntoItAndHasNoSequenceInIt(int width, int height)
    {
        var lines = ViewOf(50).Frame(width, height).Split('\n');

        Assert.That(lines, Has.Length.LessThanOrEqualTo(height));
        Assert.That(lines, Has.All.Length.LessThanOrEqualTo(width).And.All.Matches<string>(static line => line!.All(static c => c is >= ' ' and <= '~')));
    }

    [TestCase(80, 24)]
    [TestCase(1, 1)]
    public void Page_OfATerminal_FitsIntoIt(int width, int height)
    {
        var lines = TopView.Page(string.Join('\n', Enumerable.Repeat(new string('x', 200), 50)), width, height).Split('\n');

        Assert.That(lines, Has.Length.LessThanOrEqualTo(Math.Max(3, height)).And.All.Length.LessThanOrEqualTo(width));
    }

    [Test]
    public void SortOf_TheKeysOfTheFirstLine_AreAllOrders() => Assert.That(
        "nocmrtaefx".Select(TopView.SortOf), Is.EquivalentTo(Enum.GetValues<ClientSort>().Select(static sort => sort.Word())));

    [Test]
    public void Take_ChosenClientIsElsewhereOrGone_StaysTheChosenOneOrGivesItsPlace()
    {
        var view = ViewOf(3);
        view.Press(Arrow(ConsoleKey.DownArrow));
        Assert.That(view.Chosen?.Client, Is.EqualTo("192.0.2.2"));

        view.Take(ListOf(3, 1, 2), TimeZoneInfo.Utc);
        Assert.That(view.Chosen?.Client, Is.EqualTo("192.0.2.2"));
        Assert.That(view.Frame(80, 24).Split('\n')[^1], Does.StartWith("> smtp     192.0.2.2"));
        view.Take(ListOf(3, 1), TimeZoneInfo.Utc);
        Assert.That(view.Chosen?.Client, Is.EqualTo("192.0.2.1"), "the last one there is");
        view.Take(ListOf(), TimeZoneInfo.Utc);
        Assert.That((view.Chosen, view.Press(Letter('E')), view.Press(Letter('R'))), Is.EqualTo(((ClientRow?)null, TopKey.None, TopKey.None)));
    }

    [Test]
    public void Press_Arrows_StayInTheListAndItMovesWithThem()
    {
        var view = ViewOf(50);
        for (var i = 0; i < 60; i++)
            view.Press(Arrow(ConsoleKey.DownArrow));
        Assert.That((view.Chosen?.Client, view.Frame(80, 10).Split('\n')[^1][..18]), Is.EqualTo(("192.0.2.50", "> smtp     192.0.2")));
        for (var i = 0; i < 60; i++)
            view.Press(Letter('k'));
        Assert.That((view.Chosen?.Client, view.Frame(80, 10).Split('\n')[4][..20]), Is.EqualTo(("192.0.2.1", "> smtp     192.0.2.1")));
    }

    [Test]
    public void Press_Release_AsksAndOnlyYesIsYes()
    {
        var view = ViewOf(2);
        Assert.That((view.Press(Letter('R')), view.Asks), Is.EqualTo((TopKey.Draw, true)));
        Assert.That(view.Frame(80, 24), Does.Contain("\nrelease 192.0.2.1 at smtp? y: yes\n"));
        Assert.That((view.Press(Letter('q')), view.Asks), Is.EqualTo((TopKey.Draw, false)));
        view.Press(Letter('R'));
        Assert.That((view.Press(Letter('y')), view.Asks), Is.EqualTo((TopKey.Release, false)));
    }

    // Whoever comes to stand in its place was not asked about.
    [Test]
    public void Take_WhileItAsksAboutAClientThatGoes_DoesNotAskAnyMore()
    {
        var view = ViewOf(2);
        view.Press(Letter('R'));
        view.Take(ListOf(2, 1), TimeZoneInfo.Utc);
        Assert.That(view.Asks, "it is there");
        view.Take(ListOf(2), TimeZoneInfo.Utc);
        Assert.That((view.Asks, view.Press(Letter('y'))), Is.EqualTo((false, TopKey.None)));
    }

    [TestCase('E', ExpectedResult = nameof(TopKey.Explain)), TestCase('\r', ExpectedResult = nameof(TopKey.Explain)),
        TestCase('q', ExpectedResult = nameof(TopKey.Quit)), TestCase('x', ExpectedResult = nameof(TopKey.Sort)),
        TestCase('?', ExpectedResult = nameof(TopKey.None))]
    public string Press_AKey_Asks(char key) => ViewOf(1).Press(Letter(key)).ToString();

    private static TopView ViewOf(int clients)
    {
        var view = new TopView("nearness");
        view.Take(ListOf([.. Enumerable.Range(1, clients)]), TimeZoneInfo.Utc);
        return view;
    }

    private static ClientList ListOf(params int[] clients) => new(
        [.. clients.Select(static i => new ClientRow("smtp", $"192.0.2.{i}", "free", new(0, i, 0, 0, 0, 0, 0, 0), 0) { Rule = "\u001B[31mx" })],
        1000, Truncated: true);

    private static ConsoleKeyInfo Letter(char key) =>
        new(key, key == '\r' ? ConsoleKey.Enter : ConsoleKey.None, shift: false, alt: false, control: false);

    private static ConsoleKeyInfo Arrow(ConsoleKey key) => new('\0', key, shift: false, alt: false, control: false);
}
