using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using SmtpShield.Metrics;
using SmtpShield.Mta.Health;
using SmtpShield.Mta.Reuse;
using SmtpShield.Mta.Slots;
using SmtpShield.Mta.Stress;

namespace SmtpShield.Mta;

/// <summary>
/// What stays known about one configured destination across reloads and for all services that use it: its address, its sessions, how many it may have now, and
/// whether it was taken out by hand. Whether it lives, each service finds out for itself (<see cref="MtaHealth"/>).
/// </summary>
internal sealed class UpstreamDestination : IDisposable
{
    /// <summary>How long no new session goes to an MTA that has said it has enough to do.</summary>
    public static readonly TimeSpan BusyFor = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_step = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly SlowStart _slowStart;
    private SlotTerms _terms;
    private ITimer? _growth;
    private ITimer? _hold;
    private byte[] _greeting = [];
    private long _heardAt;
    private bool _wasHeard;

    /// <param name="name">As configured: <c>host:port</c>, an IPv6 address in brackets.</param>
    /// <param name="time">The clock of its queue.</param>
    /// <param name="terms">How many sessions it may have.</param>
    /// <param name="transport">Looks its name up.</param>
    /// <param name="log">Where it says how it is.</param>
    public UpstreamDestination(string name, TimeProvider time, SlotTerms terms, IUpstreamTransport transport, ILogger log)
    {
        (_time, _terms) = (time, terms);
        _slowStart = new(time);
        Slots = new(time, terms);
        var colon = name.LastIndexOf(':');
        Name = name;
        Host = name[..colon].Trim('[', ']');
        Port = int.Parse(name.AsSpan(colon + 1), CultureInfo.InvariantCulture);
        Literal = IPAddress.TryParse(Host, out var address) ? new IPEndPoint(address, Port) : null;
        Addresses = Literal is null ? new(Host, transport, time, log) : null;
        Stress = new(name, Slots, time, log);
        Kept = new(this, time, log);
    }

    /// <summary>As configured, <c>host:port</c>; also the destination's id in the cluster.</summary>
    public string Name { get; }

    /// <summary>The host name or the address without brackets.</summary>
    public string Host { get; }

    /// <summary>The TCP port.</summary>
    public int Port { get; }

    /// <summary>The end point when the host is an address; <see langword="null"/> when it is a name.</summary>
    public IPEndPoint? Literal { get; }

    /// <summary>The addresses of its name; <see langword="null"/> when it is an address.</summary>
    public UpstreamName? Addresses { get; }

    /// <summary>The sessions it may have, of all services: each socket to it has one of them, from before the first SYN until its end.</summary>
    public MtaSlots Slots { get; }

    /// <summary>Where it is counted.</summary>
    public required DestinationMetrics Metrics { get; init; }

    /// <summary>Sessions that wait for another client.</summary>
    public KeptSessions Kept { get; }

    /// <summary>How hard pressed it is.</summary>
    public MtaStress Stress { get; }

    /// <summary>Since when it is taken out by hand; null: it is not.</summary>
    public DateTimeOffset? DrainedSince { get; private set; }

    /// <summary>Whether it is taken out by hand.</summary>
    public bool IsDrained => DrainedSince is not null;

    /// <summary>One array for equal greetings: most MTAs greet every session alike, and a held session keeps its greeting.</summary>
    public byte[] Intern(byte[] greeting) =>
        Volatile.Read(ref _greeting) is var known && known.AsSpan().SequenceEqual(greeting) ? known : _greeting = greeting;

    /// <summary>It has said something, in whatever session.</summary>
    public void NoteHeard()
    {
        Volatile.Write(ref _heardAt, _time.GetTimestamp());
        _wasHeard = true;
    }

    /// <summary>Whether it has said something lately.</summary>
    public bool WasHeardWithin(TimeSpan span) => _wasHeard && _time.GetElapsedTime(Volatile.Read(ref _heardAt)) < span;

    /// <summary>Takes it out, or back.</summary>
    public void Drain(bool isDrained)
    {
        DrainedSince = isDrained ? DrainedSince ?? _time.GetUtcNow() : null;
        if (isDrained)
            Kept.GiveUpAll();
    }

    /// <summary>Takes what is configured.</summary>
    public void TakeTerms(SlotTerms terms)
    {
        lock (_gate)
        {
            _terms = terms;
            PutInForce();
        }

        GiveUpKept();
    }

    /// <summary>A second is over: judges how hard pressed it is.</summary>
    public void EndSecond()
    {
        lock (_gate)
        {
            Stress.EndSecond(_terms);
            PutInForce();
            Slots.EndSecond();
        }

        GiveUpKept(Kept.Count > 0 && Stress.State.Level != StressLevel.None ? Kept.Count - Slots.InUse : 0);
    }

    /// <summary>Makes room for those who wait, or where there is less than there was, by what is only kept.</summary>
    /// <param name="atLeast">So many are given up at any rate.</param>
    public void GiveUpKept(int atLeast = 0)
    {
        if (Kept.Count > 0)
            Kept.GiveUp(Math.Max(atLeast, Slots.ParkedInTheWay));
    }

    /// <summary>It was down: it gets its sessions back step by step.</summary>
    /// <param name="length">Over this time; zero: at once.</param>
    public void BeginSlowStart(TimeSpan length)
    {
        lock (_gate)
        {
            if (!_terms.AreLimited)
                return;

            _slowStart.Begin(length);
            PutInForce();
            if (_slowStart.IsOn)
                _growth ??= _time.CreateTimer(static destination => ((UpstreamDestination)destination!).Grow(), this, s_step, s_step);
        }
    }

    /// <summary>It has failed again: if it was getting its sessions back, that begins anew.</summary>
    public void RestartSlowStart()
    {
        lock (_gate)
        {
            _slowStart.Restart();
            PutInForce();
        }
    }

    /// <summary>It gets no new session for <see cref="BusyFor"/>: who wants one waits, or goes elsewhere.</summary>
    public void Hold()
    {
        lock (_gate)
        {
            Slots.IsHeld = true;
            _hold?.Dispose();
            _hold = _time.CreateTimer(static destination => ((UpstreamDestination)destination!).Resume(), this, BusyFor, Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        Kept.Dispose();
        lock (_gate)
        {
            _growth?.Dispose();
            _hold?.Dispose();
        }
    }

    private void Resume()
    {
        lock (_gate)
        {
            _hold?.Dispose();
            _hold = null;
            Slots.IsHeld = false;
        }
    }

    private void Grow()
    {
        lock (_gate)
        {
            PutInForce();
            if (_slowStart.IsOn)
                return;

            _growth?.Dispose();
            _growth = null;
        }
    }

    // The reserve shrinks with the limit: it is there for known good clients to come in at all, not to keep all others out.
    private void PutInForce()
    {
        if (!_terms.AreLimited)
        {
            Slots.Terms = _terms;
            return;
        }

        var terms = _terms with { Limit = Stress.LimitOf(_terms.Limit) };
        var part = _slowStart.Part;
        Slots.Terms = part >= 1 ? terms : terms with { Limit = Math.Clamp((int)(_terms.Limit * part), 1, terms.Limit), Reserve = (int)(_terms.Reserve * part) };
    }
}
