using System.Text.Json;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Control;

/// <summary><c>top</c> at a terminal, as somebody types: each key is typed when what came of the last one is to be seen.</summary>
internal sealed class TopKeysTests : TuningFixture
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Test]
    [Property("Operations", "OPS-4")]
    public async Task Keys_AtATerminal_ChooseExplainAndReleaseAClient(CancellationToken cancellationToken)
    {
        if (!OutsideProcess.IsInstalled("script"))
            Assert.Ignore("script is not installed");
        Count("192.0.2.7", 60);
        Count("198.51.100.3", 50);
        await using var top = OutsideProcess.Start(
            "script", ["-qefc", $"stty rows 20 cols 160; exec {string.Join(' ', ShieldProgram.Command)} top --utc --socket {Place}", "/dev/null"],
            environment: new Dictionary<string, string> { ["TERM"] = "xterm", ["NO_COLOR"] = "1" });

        await SeesAsync(@"by nearness, 2 of 2 clients\s+SERVICE .*\n> smtp +192\.0\.2\.7 +limited .*\n  smtp +198\.51\.100\.3 +near ");
        await top.WriteAsync("\u001B[B", cancellationToken);
        await SeesAsync(@"\n  smtp +192\.0\.2\.7 .*\n> smtp +198\.51\.100\.3 ");
        await top.WriteAsync("k", cancellationToken);
        await SeesAsync(@"(?s)> smtp +198\.51\.100\.3 .*> smtp +192\.0\.2\.7 ");
        await top.WriteAsync("E", cancellationToken);
        await SeesAsync(@"192\.0\.2\.7  smtp  LIMITED until .*\n  rule      smtpd_client_connection_rate_limit = 60 \(main\.cf:14\)");
        await top.WriteAsync(" R", cancellationToken);
        await SeesAsync(@"release 192\.0\.2\.7 at smtp\? y: yes");
        Assert.That((await ClientAsync()).GetProperty("state").GetString(), Is.EqualTo("limited"), "nothing is done before it is said");
        await top.WriteAsync("nR", cancellationToken);
        await SeesAsync(@"(?s)y: yes.*by nearness.*y: yes");
        await top.WriteAsync("y", cancellationToken);
        await SeesAsync(@"smtp: counters of 192\.0\.2\.7/32 set to 0 \(60 connections\)");
        Assert.That((await ClientAsync()).GetProperty("state").GetString(), Is.EqualTo("free"));
        await top.WriteAsync(" q", cancellationToken);
        await top.WaitForExitAsync(s_limit, cancellationToken);
        Assert.That(top.ExitCode, Is.Zero, top.Output);
        Assert.That((await DoAsync(HttpMethod.Get, "/v1/changes", cancellationToken)).GetProperty("changes").EnumerateArray().Select(
            static change => change.GetProperty("action").GetString()), Is.EqualTo((string[])["release"]));

        async Task SeesAsync(string pattern)
        {
            await Eventually.TryAsync(() => Regex.IsMatch(Seen(), pattern), s_limit, cancellationToken);
            Assert.That(Seen(), Does.Match(pattern));
        }

        string Seen() => top.Output.Replace("\r", "", StringComparison.Ordinal);

        async Task<JsonElement> ClientAsync() =>
            (await DoAsync(HttpMethod.Get, "/v1/clients/192.0.2.7?service=smtp", cancellationToken)).GetProperty("services")[0];
    }
}
