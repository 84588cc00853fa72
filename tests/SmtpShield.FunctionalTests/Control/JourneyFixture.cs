using System.CommandLine;
using System.Net;
using SmtpShield.Host.Commands;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>
/// A page about something that happens to a whole mail server: a shield, its MTAs, which the test plays, and clients with the addresses of the page, which come
/// through a load balancer. All is real but the clock, so that the page has its times.
/// </summary>
[Platform("Linux"), InUtc, NonParallelizable, CancelAfter(120_000)]
internal abstract class JourneyFixture
{
    // As long as a machine may stand still; a test is over long before.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    // Each time a condition is looked at.
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);

    private readonly List<IAsyncDisposable> _parts = [];

    // What pages call things, and what they are here.
    private readonly List<(string Shown, string Here)> _names = [];
    private string _directory = "";

    /// <summary>The clock of the shield.</summary>
    protected FakeTimeProvider Time { get; private set; } = null!;

    protected ShieldUnderTest Shield { get; private set; } = null!;

    private string MainCf => Path.Combine(_directory, "main.cf");

    private string Socket => Path.Combine(_directory, "control.sock");

    [SetUp]
    public void MakeDirectory()
    {
        _directory = Directory.CreateTempSubdirectory("smtpshield-journey-").FullName;
        _names.Add(("/etc/smtpshield/main.cf", MainCf));
        Time = new(new(2026, 11, 28, 3, 0, 0, TimeSpan.Zero));
    }

    [TearDown]
    public async Task StopAsync()
    {
        // The last one first: clients, the shield, its MTAs.
        foreach (var part in Enumerable.Reverse(_parts))
            await part.DisposeAsync();
        _parts.Clear();
        _names.Clear();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>An MTA that takes everything, but for what the test says.</summary>
    /// <param name="name">What the page calls it, as long as it is here, or columns would be narrower: fifteen characters.</param>
    /// <param name="answer">The reply to a line of a client, or null: the usual one; empty: it closes. Asked with an empty line for the greeting.</param>
    protected ScriptedMta Serve(string name, Func<string, Task<string?>> answer)
    {
        var mta = new ScriptedMta();
        Assert.That($"{mta.EndPoint}", Has.Length.EqualTo(name.Length), "ports of this machine have five digits");
        _names.Add((name, $"{mta.EndPoint}"));
        _parts.Add(mta);
        mta.Serve(connection => ServeAsync(connection, answer));
        return mta;
    }

    /// <summary>Starts the shield before the MTAs there are. No MTA is probed unless somebody asks for it.</summary>
    /// <param name="parameters">Lines of its main.cf.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    protected async Task StartAsync(string parameters, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(MainCf, $"""
            shield_listen = 127.0.0.1:0
            shield_upstream = {string.Join(", ", _parts.OfType<ScriptedMta>().Select(static mta => mta.EndPoint))}
            shield_upstream_probe_interval = 0
            shield_client_handoff = proxy-v1
            shield_transport = {TestTransport.Name}
            shield_control_socket = {Socket}
            shield_state_directory = {Directory.CreateDirectory(Path.Combine(_directory, "state")).FullName}
            shield_proxy_sources = 127.0.0.1
            smtpd_upstream_proxy_protocol = haproxy
            maillog_file = {Path.Combine(_directory, "maillog")}
            shield_log_client_limit = 0
            myhostname = mail.example.com
            smtpd_tls_security_level = none
            {parameters}

            """, cancellationToken);
        var configuration = new ShieldConfiguration(MainCf, [], new Dictionary<string, string>(), HostFacts.Local());
        Shield = await ShieldUnderTest.StartAsync(configuration.Read().Options!, cancellationToken, Time, configuration: configuration, hasProbes: true,
            configureLogging: static logging => logging.AddMaillog());
        _parts.Add(Shield);
        // What is known of an MTA is so since somebody looked at it first.
        Assert.That(Shield.Maintenance.Pictures().Select(static picture => picture.Since), Is.All.EqualTo(Time.GetUtcNow()));
    }

    /// <summary>Whether a line of the log has this text: all that was logged before is counted then.</summary>
    protected bool HasLogged(string text) => File.ReadAllText(Path.Combine(_directory, "maillog")).Contains(text, StringComparison.Ordinal);

    /// <summary>A client's connection with the last service there is, of which nothing is read yet.</summary>
    protected async Task<RawSmtpClient> ConnectAsync(string address, CancellationToken cancellationToken)
    {
        var client = await RawSmtpClient.ConnectAsync(
            Shield.EndPointOf(Shield.Snapshot.Current.Service.Names[^1]), IPAddress.Loopback, cancellationToken);
        lock (_parts)
            _parts.Add(client);
        await client.SendAsync($"PROXY TCP4 {address} 127.0.0.1 4711 25\r\n", cancellationToken);
        return client;
    }

    /// <summary>A client's connection, with its greeting read.</summary>
    protected async Task<RawSmtpClient> GreetedAsync(string address, CancellationToken cancellationToken)
    {
        var client = await ConnectAsync(address, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        return client;
    }

    /// <summary>A session with a message that is accepted, the only one there is: it is over before the next one begins.</summary>
    protected async Task DeliverAsync(string address, CancellationToken cancellationToken)
    {
        var client = await GreetedAsync(address, cancellationToken);
        await SayAsync(
            client, cancellationToken, ("EHLO c.example", 250), ("MAIL FROM:<a@c.example>", 250), ("RCPT TO:<b@example.com>", 250), ("DATA", 354),
            ("Subject: x\r\n\r\n.", 250));
        await LeaveAsync(client, cancellationToken);
        await UntilIdleAsync(cancellationToken);
    }

    /// <summary>Ends a session in order.</summary>
    protected static async Task LeaveAsync(RawSmtpClient client, CancellationToken cancellationToken)
    {
        await SayAsync(client, cancellationToken, ("QUIT", 221));
        await client.DisposeAsync();
    }

    /// <summary>Waits until all sessions are over and counted, and the log has their last lines.</summary>
    protected Task UntilIdleAsync(CancellationToken cancellationToken) => UntilAsync(
        () => Shield.Drain.Connections == 0 && Shield.Maintenance.Pictures().All(static picture => picture.Sessions == 0),
        "nobody is connected any more", cancellationToken);

    /// <summary>Says lines, each of which must be answered with this code.</summary>
    protected static async Task SayAsync(RawSmtpClient client, CancellationToken cancellationToken, params (string Line, int Code)[] dialogue)
    {
        foreach (var (line, code) in dialogue)
            Assert.That(await client.CommandAsync(line, cancellationToken), Does.StartWith($"{code}"), line);
    }

    /// <summary>Waits until something is so that follows from what was done, however slow the machine is.</summary>
    protected static Task UntilAsync(Func<bool> condition, string what, CancellationToken cancellationToken) =>
        Eventually.HoldsAsync(condition, s_patience, what, cancellationToken);

    /// <summary>The same for what follows by the clock, within five minutes of it. How far it has to go depends on threads: what is shown may not.</summary>
    protected Task WhileTimePassesAsync(Func<bool> condition, string what, CancellationToken cancellationToken) => UntilAsync(
        () =>
        {
            if (condition())
                return true;
            Time.Advance(s_step);
            return false;
        },
        what, cancellationToken);

    /// <summary>Sets the clock to the time of day the page has come to. It must not be past it.</summary>
    protected void AdvanceTo(int hour, int minute, int second) =>
        Time.Advance(new DateTimeOffset(2026, 11, 28, hour, minute, second, TimeSpan.Zero) - Time.GetUtcNow());

    /// <summary>Types the page.</summary>
    /// <param name="page">From the root of the repository.</param>
    /// <param name="before">What happens before a command is typed.</param>
    /// <param name="cancellationToken">Ends it.</param>
    protected Task TypeAsync(string page, Func<string, Task> before, CancellationToken cancellationToken) => TypeAsync(
        page,
        async command =>
        {
            await before(command);
            return await RunAsync(command, cancellationToken);
        },
        cancellationToken);

    /// <summary>Types the page.</summary>
    /// <param name="page">From the root of the repository.</param>
    /// <param name="type">Types a command, of which it is told what stands behind <c>smtpshield</c>, and returns what it prints.</param>
    /// <param name="cancellationToken">Ends it.</param>
    protected static Task TypeAsync(string page, Func<string, Task<string>> type, CancellationToken cancellationToken) => PageTyper.TypeAsync(
        page,
        async line => line.StartsWith("smtpshield ", StringComparison.Ordinal) ? await type(line["smtpshield ".Length..]) : null,
        cancellationToken);

    /// <summary>Types a command that ends by itself.</summary>
    protected async Task<string> RunAsync(string command, CancellationToken cancellationToken)
    {
        using var output = new StringWriter { NewLine = "\n" };
        await InvokeAsync(command, output, cancellationToken);
        return Shown(output.ToString());
    }

    /// <summary>Types <c>watch</c>, and Ctrl+C once it has printed so many lines.</summary>
    protected async Task<string> WatchAsync(string command, Func<Task> meanwhile, int lines, CancellationToken cancellationToken)
    {
        await using var printed = new StringWriter { NewLine = "\n" };
        await using var output = TextWriter.Synchronized(printed);
        using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = InvokeAsync(command, output, interrupted.Token);
        await UntilAsync(() => Shield.Events.Readers == 1, "it watches", cancellationToken);
        await meanwhile();
        await UntilAsync(() => Printed().Count(static octet => octet == '\n') >= lines, "it has printed all", cancellationToken);
        var text = Printed();
        await interrupted.CancelAsync();
        try
        {
            await watching;
        }
        catch (OperationCanceledException)
        {
            // As it was told.
        }

        return Shown(text) + "^C\n";

        string Printed()
        {
            lock (output)
                return printed.ToString();
        }
    }

    private Task<int> InvokeAsync(string command, TextWriter output, CancellationToken cancellationToken)
    {
        var root = new RootCommand("smtpshield")
        {
            StatusCommand.Create(), TopCommand.Create(), ExplainCommand.Create(), AllowCommand.Create(), BansCommand.Create(), ChangesCommand.Create(),
            LimitsCommand.Create(), SuggestCommand.Create(), UpstreamCommand.Create(), WatchCommand.Create(),
        };
        foreach (var (shown, here) in _names)
            command = command.Replace(shown, here, StringComparison.Ordinal);
        return root.Parse($"{command} --socket {Socket} -c {MainCf}")
            .InvokeAsync(new InvocationConfiguration { Output = output, Error = output }, cancellationToken);
    }

    private string Shown(string text) => _names.Aggregate(text, static (text, name) => text.Replace(name.Here, name.Shown, StringComparison.Ordinal));

    private static async Task ServeAsync(MtaConnection connection, Func<string, Task<string?>> answer)
    {
        var line = "";
        do
        {
            var reply = await answer(line) ?? line.Split(' ')[0] switch
            {
                "" => "220 mail.example.com ESMTP",
                "EHLO" => "250-mail.example.com\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN",
                "DATA" => "354 End data with <CR><LF>.<CR><LF>",
                "AUTH" => "235 2.7.0 Authentication successful",
                "QUIT" => "221 2.0.0 Bye",
                _ => "250 2.0.0 Ok",
            };
            if (reply.Length > 0)
                await connection.SendAsync(reply + "\r\n", CancellationToken.None);
            if (reply.Length == 0 || line == "QUIT")
                break;
            if (reply.StartsWith("354", StringComparison.Ordinal) && await connection.ReadThroughAsync("\r\n.\r\n", CancellationToken.None) is not null)
                await connection.SendAsync("250 2.0.0 Ok: queued\r\n", CancellationToken.None);
            do
                line = await connection.ReadLineAsync(CancellationToken.None);
            while (line?.StartsWith("PROXY ", StringComparison.Ordinal) == true);
        }
        while (line is not null);

        connection.Close();
    }
}
