using System.Net;
using System.Text.Json;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Monitoring;

/// <summary>Debian's Prometheus with a shield, and with the files in deploy/.</summary>
[Platform("Linux"), CancelAfter(180_000), Property("Operations", "OPS-38")]
internal sealed class PrometheusTests
{
    private const string Alerts = "deploy/alerts/smtpshield.yml";

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private string _directory = "";

    [SetUp]
    public void MakeDirectory()
    {
        foreach (var program in (string[])["prometheus", "promtool"])
        {
            if (!OutsideProcess.IsInstalled(program))
                Assert.Ignore($"{program} is not installed");
        }

        _directory = Directory.CreateTempSubdirectory("smtpshield-prometheus-").FullName;
        File.Copy(Repository.PathOf(Alerts), Path.Combine(_directory, "smtpshield.yml"));
    }

    [TearDown]
    public void RemoveDirectory()
    {
        if (_directory.Length > 0)
            Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task Alerts_OfTheirTests_FireInTimeAndClear(CancellationToken cancellationToken)
    {
        File.Copy(Repository.PathOf("tests/SmtpShield.FunctionalTests/Monitoring/alerts.test.yml"), Path.Combine(_directory, "alerts.test.yml"));
        await OutsideProcess.RunSuccessfullyAsync("promtool", ["check", "rules", "smtpshield.yml"], s_limit, cancellationToken, workingDirectory: _directory);
        await OutsideProcess.RunSuccessfullyAsync("promtool", ["test", "rules", "alerts.test.yml"], s_limit, cancellationToken, workingDirectory: _directory);

        var tests = await File.ReadAllTextAsync(Path.Combine(_directory, "alerts.test.yml"), cancellationToken);
        var names = File.ReadLines(Path.Combine(_directory, "smtpshield.yml")).Where(static line => line.Contains("- alert: ", StringComparison.Ordinal))
            .Select(static line => line.Split("- alert: ")[1]);
        Assert.That(names.Where(name => !tests.Contains($"alertname: {name}\n        exp_alerts:", StringComparison.Ordinal)), Is.Empty, "each one is tested");
    }

    [Test]
    public async Task Metrics_OfAShield_PassPrometheussOwnCheck(CancellationToken cancellationToken)
    {
        var endpoint = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var mta = new ScriptedMta();
        await using var shield = await ShieldUnderTest.StartAsync(
            ShieldUnderTest.Before(mta) with { Control = new() { MetricsEndpoints = [endpoint] } }, cancellationToken);
        using var http = new HttpClient();

        var text = await http.GetStringAsync(new Uri($"http://{endpoint}/metrics"), cancellationToken);

        Assert.That(await OutsideProcess.RunSuccessfullyAsync("promtool", ["check", "metrics"], s_limit, cancellationToken, text), Is.Empty);
    }

    [Test]
    public async Task Prometheus_ScrapesAShield_FiresClearsAndFillsTheDashboard(CancellationToken cancellationToken)
    {
        var metrics = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        var web = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var mta = new ScriptedMta();
        mta.Serve(static async connection => await connection.SendAsync("220 mx\r\n", CancellationToken.None));
        await using var shield = await ShieldProcess.StartAsync(
            mta.EndPoint, new Dictionary<string, string> { ["shield_metrics_listen"] = $"{metrics}" }, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(_directory, "prometheus.yml"), $"""
            global: {"{"}scrape_interval: 1s, evaluation_interval: 1s{"}"}
            rule_files: [smtpshield.yml]
            scrape_configs:
              - job_name: smtpshield
                static_configs: [{"{"}targets: ["{metrics}"]{"}"}]
            """, cancellationToken);
        await using var prometheus = OutsideProcess.Start("prometheus",
            ["--config.file=prometheus.yml", "--storage.tsdb.path=data", $"--web.listen-address={web}"], _directory);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{web}") };
        await UntilAsync(async () => (await QueryAsync("up{job=\"smtpshield\"}")).EndsWith("\"1\"]}]", StringComparison.Ordinal), "it is scraped");

        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_hard_error_limit"] = "many" }, cancellationToken);
        await UntilAsync(async () => await IsFiringAsync("SmtpShieldConfigurationRefused"), "the alert fires");
        await shield.SaveAsync(new Dictionary<string, string> { ["smtpd_hard_error_limit"] = "20" }, cancellationToken);
        await UntilAsync(async () => !await IsFiringAsync("SmtpShieldConfigurationRefused"), "the alert clears");

        Assert.That(await QueryAsync("count({__name__=~\"smtpshield_.*\"}) > 100"), Does.Contain("value"));
        foreach (var expression in Expressions())
            Assert.That(await QueryAsync(expression), Does.StartWith("["), expression);

        async Task<bool> IsFiringAsync(string alert) => (await QueryAsync($"ALERTS{"{"}alertname=\"{alert}\",alertstate=\"firing\"{"}"}")).Length > 2;

        async Task<string> QueryAsync(string expression)
        {
            try
            {
                using var answer = JsonDocument.Parse(await http.GetStringAsync(
                    new Uri($"/api/v1/query?query={Uri.EscapeDataString(expression)}", UriKind.Relative), cancellationToken));
                return answer.RootElement.GetProperty("data").GetProperty("result").GetRawText();
            }
            catch (HttpRequestException exception)
            {
                return exception.Message;
            }
        }

        async Task UntilAsync(Func<Task<bool>> holds, string what)
        {
            var start = TimeProvider.System.GetTimestamp();
            while (!await holds())
            {
                Assert.That(TimeProvider.System.GetElapsedTime(start), Is.LessThan(s_limit), () => $"not in time: {what}\n{prometheus.Output}");
                await Task.Yield();
            }
        }
    }

    // As Grafana asks them.
    private static IEnumerable<string> Expressions()
    {
        using var dashboard = JsonDocument.Parse(Repository.Read("deploy/dashboards/smtpshield.json"));
        return
        [
            .. from panel in dashboard.RootElement.GetProperty("panels").EnumerateArray()
               where panel.TryGetProperty("targets", out _)
               from target in panel.GetProperty("targets").EnumerateArray()
               select target.GetProperty("expr").GetString()!
                   .Replace("$job", ".*", StringComparison.Ordinal)
                   .Replace("$instance", ".*", StringComparison.Ordinal)
                   .Replace("$__rate_interval", "60s", StringComparison.Ordinal),
        ];
    }
}
