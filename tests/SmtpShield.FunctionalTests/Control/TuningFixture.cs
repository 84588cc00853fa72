using System.CommandLine;
using System.Net;
using System.Text.Json;
using SmtpShield.Clients;
using SmtpShield.Host.Commands;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>A shield with a main.cf, a state directory and two services, that is tuned while it runs.</summary>
[Platform("Linux"), CancelAfter(120_000)]
internal abstract class TuningFixture
{
    protected const string Rate = "smtpd_client_connection_rate_limit";

    private string _directory = "";
    private ScriptedMta _mta = null!;

    protected ScriptedMta Mta => _mta;

    protected FakeTimeProvider Time { get; private set; } = null!;

    /// <summary>What the shield goes by: <see cref="Time"/>, until somebody sets the clock.</summary>
    protected WallClock Clock { get; private set; } = null!;

    protected ShieldUnderTest Shield { get; private set; } = null!;

    protected string MainCf => Path.Combine(_directory, "main.cf");

    protected string OverridesFile => Path.Combine(_directory, "state", "overrides");

    protected string RevisionsFile => Path.Combine(_directory, "state", "revisions");

    protected string ChangesFile => Path.Combine(_directory, "state", "changes");

    protected string Place => Path.Combine(_directory, "control.sock");

    /// <summary>The next process's <c>-o</c> arguments.</summary>
    protected string[] Arguments { get; set; } = [];

    /// <summary>The variables of its environment.</summary>
    protected Dictionary<string, string> Variables { get; } = [];

    protected SmtpdLimitOptions Limits(string service = "smtp") => Shield.Snapshot.Current.Of(service).Limits;

    [SetUp]
    public async Task StartAsync()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-tune-").FullName;
        Directory.CreateDirectory(Path.Combine(_directory, "state"));
        Time = new(new(2026, 11, 28, 3, 12, 1, TimeSpan.Zero));
        Clock = new(Time);
        Arguments = [];
        Variables.Clear();
        _mta = new();
        await SaveAsync("");
        await StartShieldAsync();
    }

    [TearDown]
    public async Task StopAsync()
    {
        await Shield.DisposeAsync();
        await _mta.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The next process, with what the last one has left.</summary>
    protected async Task RestartAsync()
    {
        await Shield.StopAsync(CancellationToken.None);
        await Shield.DisposeAsync();
        await StartShieldAsync();
    }

    /// <summary>Writes main.cf; the limit of connections is in line 14, and that of submission in line 15.</summary>
    protected Task SaveAsync(string more, string limit = "60") => File.WriteAllTextAsync(MainCf, $"""
        # What the shield of the test is, first.
        shield_services = smtp submission
        shield_listen = 127.0.0.1:0
        submission/inet/shield_listen = 127.0.0.1:0
        shield_upstream = {_mta.EndPoint}
        shield_transport = {TestTransport.Name}
        shield_control_socket = {Place}
        shield_state_directory = {Path.Combine(_directory, "state")}
        shield_log_client_limit = 0
        myhostname = mail.example.com
        mynetworks = 127.255.255.254/32
        # The limits.
        anvil_rate_time_unit = 600s
        smtpd_client_connection_rate_limit = {limit}
        submission/inet/smtpd_client_connection_rate_limit = 10
        {more}

        """);

    protected Task<(int Status, string Body)> AskAsync(
        HttpMethod method, string resource, CancellationToken cancellationToken, string? json = null, string? ifMatch = null) =>
        ControlHttp.AskAsync(Place, method, resource, cancellationToken, json, ifMatch: ifMatch);

    protected async Task<JsonElement> DoAsync(HttpMethod method, string resource, CancellationToken cancellationToken, string? json = null)
    {
        var (status, body) = await AskAsync(method, resource, cancellationToken, json);
        Assert.That(status, Is.EqualTo(200), body);
        return JsonDocument.Parse(body).RootElement;
    }

    /// <summary>Sets a parameter of all services that have none of their own.</summary>
    protected Task<JsonElement> SetAsync(string name, string value, CancellationToken cancellationToken, string more = "") =>
        DoAsync(HttpMethod.Put, $"/v1/parameters/*/{name}", cancellationToken, $$"""{"value":{{JsonSerializer.Serialize(value)}}{{more}}}""");

    /// <summary>A parameter as a service has it.</summary>
    protected async Task<JsonElement> ParameterAsync(string name, CancellationToken cancellationToken, string service = "smtp") =>
        (await DoAsync(HttpMethod.Get, $"/v1/parameters?service={service}&name={name}", cancellationToken)).GetProperty("parameters")[0];

    /// <summary>Runs a command as it is typed.</summary>
    protected async Task<(int Status, string Output)> RunAsync(string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var root = new RootCommand("smtpshield")
        {
            LimitsCommand.Create(), ChangesCommand.Create(), StatusCommand.Create(), ExplainCommand.Create(), AllowCommand.Create(),
            SuggestCommand.Create(),
        };
        var file = command.Contains(" -c ", StringComparison.Ordinal) ? "" : $" -c {MainCf}";
        var status = await root.Parse($"{command} --socket {Place}{file}").InvokeAsync(new InvocationConfiguration { Output = output, Error = output },
            cancellationToken);
        return (status, output.ToString());
    }

    /// <summary>Connections of clients that are over.</summary>
    protected void Count(string address, int connections, bool delivers = false, string service = "smtp")
    {
        var key = new AnvilKey(service, ClientRange.Of(IPAddress.Parse(address), 32, 64));
        for (var i = 0; i < connections; i++)
        {
            using var counter = new ClientCounter(Shield.Anvil, key);
            counter.Connect();
            if (delivers && i == 0)
                counter.NoteDelivered();
        }
    }

    private async Task StartShieldAsync()
    {
        var configuration = new ShieldConfiguration(MainCf, Arguments, Variables, HostFacts.Local());
        Shield = await ShieldUnderTest.StartAsync(configuration.Read().Options!, CancellationToken.None, Clock, configuration: configuration);
    }
}
