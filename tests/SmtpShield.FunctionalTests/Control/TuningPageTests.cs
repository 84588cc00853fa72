using System.Text.RegularExpressions;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// The commands of the pages about tuning, run as they are printed, in their order, on a shield under a flood: octet by octet they say what the page says.
/// </summary>
[Property("Operations", "OPS-4"), Property("Operations", "OPS-48"), InUtc, NonParallelizable]
internal sealed class TuningPageTests : TuningFixture
{
    [TestCase("docs/reference/commands.md", "limits")]
    [TestCase("docs/tasks/reload-and-tune-live.md", "limits|allow|changes")]
    public async Task Commands_OfThePage_PrintWhatItSays(string page, string commands, CancellationToken cancellationToken)
    {
        Flood();
        var typed = new Regex($@"^smtpshield ({commands})\b");
        await PageTyper.TypeAsync(
            page,
            async line => typed.IsMatch(line) ? Shown((await RunAsync(line["smtpshield ".Length..], cancellationToken)).Output) : null,
            cancellationToken);
    }

    [Test]
    public async Task Examples_OfTheApi_AreWhatItAnswers(CancellationToken cancellationToken)
    {
        Count("192.0.2.7", 8, delivers: true);
        Count("203.0.113.9", 18);
        var page = (await File.ReadAllTextAsync(Repository.PathOf("docs/reference/control-api.md"), cancellationToken))
            .Replace("\n ", "", StringComparison.Ordinal);
        foreach (var (method, resource, json) in ((HttpMethod, string, string?)[])[
            (HttpMethod.Put, $"/v1/parameters/*/{Rate}", """{"value":"5","for_s":3600,"why":"flood"}"""),
            (HttpMethod.Get, $"/v1/parameters?service=smtp&name={Rate}", null)])
        {
            var (_, body) = await AskAsync(method, resource, cancellationToken, json);
            Assert.That(page, Does.Contain(PageTyper.WithAlice(Shown(body))));
        }
    }

    [Test]
    [Property("Operations", "OPS-31"), Property("Operations", "OPS-5")]
    public async Task Save_OfAValue_IsInTheFileAndNotSetAtRunTimeAnyMore(CancellationToken cancellationToken)
    {
        Assert.That((await RunAsync($"limits set {Rate}=5 --for 1h", cancellationToken)).Status, Is.Zero);
        var (status, output) = await RunAsync($"limits set {Rate}=7 submission/inet/smtpd_timeout=9s --save", cancellationToken);
        Assert.That(status, Is.Zero, output);
        Assert.That(
            await File.ReadAllLinesAsync(MainCf, cancellationToken), Has.Some.EqualTo($"{Rate} = 7").And.Some.EqualTo("submission/inet/smtpd_timeout = 9s"));
        Assert.That((Limits().ClientConnectionRateLimit, Shield.Snapshot.Current.Of("submission").Smtpd.Timeout),
            Is.EqualTo((7, TimeSpan.FromSeconds(9))));
        Assert.That((await ParameterAsync(Rate, cancellationToken)).GetProperty("origin").GetString(), Is.EqualTo("main.cf:14"));

        var before = await File.ReadAllTextAsync(MainCf, cancellationToken);
        (status, output) = await RunAsync($"limits set {Rate}=many --save", cancellationToken);
        Assert.That((status, output), Is.EqualTo((1, $"smtpshield: bad numerical configuration: {Rate} = many (write a whole number of at least 0)\n")));
        Assert.That(await File.ReadAllTextAsync(MainCf, cancellationToken), Is.EqualTo(before));
        Assert.That((await RunAsync($"limits set {Rate}=5 --save --for 1h", cancellationToken)).Status, Is.EqualTo(1));
        Assert.That((await RunAsync("limits reset", cancellationToken)).Status, Is.EqualTo(1));
        Assert.That(await RunAsync($"limits set {Rate}", cancellationToken), Is.EqualTo((1,
            $"smtpshield: missing '=' after attribute name: {Rate} (write NAME=VALUE)\n")));
        Assert.That((await RunAsync("limits smtpd_timeout nix", cancellationToken)).Output, Does.StartWith("smtpshield: no such parameter: nix\n"));
        Assert.That(await RunAsync("limits smtpd_timout", cancellationToken), Is.EqualTo((1,
            "smtpshield: no such parameter: smtpd_timout (did you mean smtpd_timeout?)\n")));
    }

    [Test]
    public async Task Save_OfAValueThatTheFileCannotGive_ChangesNothing(CancellationToken cancellationToken)
    {
        (Arguments, Variables["SMTPSHIELD_SMTPD_HARD_ERROR_LIMIT"]) = ([$"{Rate}=50"], "9");
        await RestartAsync();
        var before = await File.ReadAllTextAsync(MainCf, cancellationToken);
        Assert.That((await RunAsync($"limits set {Rate}=5 --for 1h", cancellationToken)).Status, Is.Zero);
        Assert.That(await LastOf($"limits set smtpd_timeout=9s {Rate}=7 --save"), Is.EqualTo((1,
            $"smtpshield: {Rate} is set by -o, which wins over the file; nothing was changed")));
        Assert.That(await LastOf("limits set smtpd_hard_error_limit=7 --save"), Is.EqualTo((1,
            "smtpshield: smtpd_hard_error_limit is set by the environment, which wins over the file; nothing was changed")));
        Assert.That(await LastOf("limits set smtpd_timeout=9s --save -c /etc/nix"), Is.EqualTo((1,
            $"smtpshield: the shield has read {MainCf}, not /etc/nix; nothing was changed (name the file with -c)")));
        Assert.That(await File.ReadAllTextAsync(MainCf, cancellationToken), Is.EqualTo(before));
        Assert.That(Limits().ClientConnectionRateLimit, Is.EqualTo(5));
        Assert.That((await RunAsync($"limits set submission/inet/{Rate}=7 --save", cancellationToken)).Status, Is.Zero, "the service's own is the file's");

        async Task<(int, string)> LastOf(string command)
        {
            var (status, output) = await RunAsync(command, cancellationToken);
            return (status, output.TrimEnd('\n').Split('\n')[^1]);
        }
    }

    // 39 addresses of one network, and two mail servers that are busy, too.
    private void Flood()
    {
        for (var i = 1; i <= 39; i++)
            Count($"203.0.113.{i}", 9 + i);
        Count("192.0.2.7", 8, delivers: true);
        Count("198.51.100.3", 6, delivers: true);
        Count("198.51.100.9", 2, delivers: true);
    }

    private string Shown(string text) => text.Replace(MainCf, "/etc/smtpshield/main.cf", StringComparison.Ordinal);
}
