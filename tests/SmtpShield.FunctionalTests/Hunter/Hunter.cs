using System.Net;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Hunter;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Hunter;

/// <summary>A shield under one configuration and its MTA, through which sessions run one after the other.</summary>
internal sealed class Hunter : IAsyncDisposable
{
    private static readonly TimeSpan s_longestSession = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_endOfConnections = TimeSpan.FromSeconds(5);
    private static int s_clients;
    private const string Lenient = "accepts MAIL or RCPT in forms Postfix refuses: limits count them like any other";

    private readonly HuntConfiguration _configuration;
    private readonly ScriptedMta _mta;
    private readonly ShieldUnderTest _shield;
    private bool _isLenient;

    private Hunter(HuntConfiguration configuration, ScriptedMta mta, ShieldUnderTest shield) => (_configuration, _mta, _shield) = (configuration, mta, shield);

    public static async Task<Hunter> StartAsync(HuntConfiguration configuration, CancellationToken cancellationToken)
    {
        var mta = new ScriptedMta();
        var options = ShieldUnderTest.Before(mta);
        return new(configuration, mta,
            await ShieldUnderTest.StartAsync(options with { Smtpd = configuration.Smtpd, Limits = configuration.Limits }, cancellationToken));
    }

    /// <summary>Runs the session of a seed and checks it.</summary>
    /// <returns>What is wrong, with the whole dialogue; null when nothing is.</returns>
    public async Task<string?> RunAsync(int seed)
    {
        // Each session is a client of its own, so that rates are its own too.
        var number = Interlocked.Increment(ref s_clients);
        var address = new IPAddress([127, (byte)(1 + (number >> 16)), (byte)(number >> 8), (byte)number]);
        var plan = new PlanGenerator(new(seed)).Generate();
        var script = new MtaScript(new(~seed), $"s{seed}", _configuration.HasStrictMta);
        _isLenient = _isLenient || _shield.Log.Lines.Any(static line => line.EndsWith(Lenient, StringComparison.Ordinal));
        ClientLog? client = null;
        using var deadline = new CancellationTokenSource(s_longestSession);
        using var noClient = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        await using var connection = await RawSmtpClient.ConnectAsync(_shield.EndPoint, address, deadline.Token);
        try
        {
            var serving = new MtaPlayer(script, new(~seed)).PlayAsync(_mta, noClient.Token, deadline.Token);
            client = await ClientPlayer.PlayAsync(connection, plan, deadline.Token);
            await connection.DisposeAsync();
            await _shield.Drain.WhenEmpty.WaitAsync(deadline.Token);

            // The shield has ended the session: it will not dial any more.
            await noClient.CancelAsync();
            await serving;
            await CheckCountersAsync(address, deadline.Token);
            new SessionChecker(_configuration, new(_configuration, address.ToString(), _isLenient), client, script.Log, HuntCircumstances.None).Check();
            return null;
        }
        catch (Exception problem) when (problem is HuntException or OperationCanceledException or TimeoutException)
        {
            var what = problem is HuntException ? problem.Message : $"the session did not end within {s_longestSession.TotalSeconds} s";
            client ??= new("", [], connection.Unread(), HasVanished: false);
            var lines = _shield.Log.Lines.Where(line => line.Contains(address.ToString(), StringComparison.Ordinal));
            return $"Seed {seed} ({_configuration.Name}): {what}\n{SessionText.Describe(plan, client, script.Log)}{string.Join('\n', lines)}";
        }
    }

    /// <summary>What the shield logged as its own failures.</summary>
    public IReadOnlyList<string> Errors => _shield.Log.Errors;

    public async ValueTask DisposeAsync()
    {
        await _mta.DisposeAsync();
        await _shield.DisposeAsync();
    }

    private async Task CheckCountersAsync(IPAddress address, CancellationToken cancellationToken)
    {
        if (_shield.Anvil.InFlight.Count != 0)
            throw new HuntException("commands or logins are still counted as with the MTA");
        if (_shield.Anvil.Peek(new AnvilKey(ServiceOptions.DefaultName, ClientRange.Of(address, 32, 128))).ConnectionCount != 0)
            throw new HuntException("the client's connection is still counted");
        // It counts until the MTA has closed, too, or a second longer.
        if (!await Eventually.TryAsync(() => _shield.SessionsAtTheMta == 0, s_endOfConnections, cancellationToken))
            throw new HuntException("the session at the MTA is still counted");
    }
}
