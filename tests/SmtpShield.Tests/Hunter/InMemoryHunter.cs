using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Mta;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Testing.Hunter;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Mta;
using SmtpShield.Throttling;

namespace SmtpShield.Tests.Hunter;

/// <summary>What a shield's sessions share, in memory and under one configuration. Sessions run one after the other, on one thread.</summary>
internal sealed class InMemoryHunter : IDisposable
{
    private static readonly Action s_nothing = static () => { };
    private static readonly SessionState[] s_states = Enum.GetValues<SessionState>();

    private readonly AnvilTable _anvil;

    public InMemoryHunter(HuntConfiguration configuration)
    {
        Options = new()
        {
            Smtpd = configuration.Smtpd,
            Tls = new() { CertificateFile = configuration.OffersTls ? "not read" : "" },
            Limits = configuration.Limits,
            Anvil = new() { RateTimeUnit = TimeSpan.FromDays(1) },
            Listener = new() { DrainTimeout = TimeSpan.FromSeconds(30) },
        };
        Snapshot = new(Options);
        Drain = new(Snapshot, Time);
        Sessions = new(Time);
        _anvil = TestAnvil.Table(Snapshot, Time);
    }

    public FakeTimeProvider Time { get; } = new();

    /// <summary>What the shield started with.</summary>
    public ShieldOptions Options { get; }

    public ShieldSnapshot Snapshot { get; }

    /// <summary>A drain that never begins.</summary>
    public ConnectionDrain Drain { get; }

    public OpenSessions Sessions { get; }

    /// <summary>What is counted of its sessions.</summary>
    public ServiceMetrics Metrics { get; } = new(ServiceOptions.DefaultName, null, null);

    public RemovedEhloKeywords RemovedKeywords { get; } = new(NullLogger<RemovedEhloKeywords>.Instance);

    public UpstreamDestination Destination => field ??= TestDestination.Of("192.0.2.25:25", Time);

    /// <summary>Takes all lines and drops them.</summary>
    public DroppingLogger Log { get; } = new();

    /// <summary>What is known of MTAs at the beginning of each session: nothing.</summary>
    public static LenientMtas NewLenientMtas() => new(NullLogger<LenientMtas>.Instance);

    /// <summary>A client's connection.</summary>
    /// <param name="transport">What it is spoken over.</param>
    /// <param name="number">Which client it is; its first three octets count, and are in what the client is told.</param>
    public ClientConnection NewConnection(IDuplexPipe transport, int number)
    {
        var client = new ClientIdentity(new IPEndPoint(new IPAddress([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]), 1));
        var connection = new DefaultConnectionContext { Transport = transport };
        return new(
            new(connection, new(new(ServiceOptions.DefaultName, Snapshot), isUnderStress: false), ProxyConnection.None, client),
            new(_anvil, new(ServiceOptions.DefaultName, client.Range)),
            ClientLines.Unlimited,
            Metrics);
    }

    /// <summary>Whether commands or a login of a client are counted as with the MTA.</summary>
    public bool HasInFlight(ClientIdentity client)
    {
        var key = new AnvilKey(ServiceOptions.DefaultName, client.Range);
        var inFlight = _anvil.InFlight.Enter(key);
        var isLoggingIn = inFlight.BeginLogin(static () => 0, limit: 0, s_nothing) is not LoginTurn.Begun;
        if (isLoggingIn)
            inFlight.Forget(s_nothing);
        else
            inFlight.EndLogin();
        _anvil.InFlight.Leave(key);
        return isLoggingIn || inFlight.Commands != 0;
    }

    /// <summary>Lets the MTA's connection end.</summary>
    public void LetConnectionsEnd() => Time.LetConnectionsEnd(() => Destination.Slots.Used == 0);

    /// <summary>Looks whether a session that is over has left anything.</summary>
    public void CheckCounters(ClientIdentity client)
    {
        if (_anvil.InFlight.Count != 0)
            throw new HuntException("commands or logins are still counted as with the MTA");
        if (_anvil.Peek(new AnvilKey(ServiceOptions.DefaultName, client.Range)).ConnectionCount != 0)
            throw new HuntException("the client's connection is still counted");
        if (Sessions.Count != 0)
            throw new HuntException("the session is still among the open ones");
        foreach (var state in s_states)
        {
            if (Metrics.SessionsIn(state) != 0)
                throw new HuntException($"the session is still counted as one in the state {state}");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Drain.Dispose();
}
