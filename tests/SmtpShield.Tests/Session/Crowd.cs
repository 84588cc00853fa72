using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Admission;
using SmtpShield.Hosting;
using SmtpShield.Mta;
using SmtpShield.Mta.Learned;
using SmtpShield.Mta.Slots;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Mta;

namespace SmtpShield.Tests.Session;

/// <summary>Many sessions that share one MTA: dials, slots, queue and revocation are the program's own, only the network and the clock are not.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    private const string Mta = "192.0.2.25:25";
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);
    private static readonly PipeOptions s_inline = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline,
        useSynchronizationContext: false);

    private readonly List<Member> _members = [];
    private readonly HostedPool _host;
    private readonly LearnedMtas _learned;
    private readonly MtaPressure _pressure;
    private readonly ConnectionDrain _drain;
    private readonly OpenSessions _sessions;

    /// <summary>Nobody is there yet.</summary>
    public Crowd(SmtpdOptions smtpd)
    {
        _host = HostedPool.Start(new() { Smtpd = smtpd, Upstream = new() { Destinations = [new("192.0.2.25", 25)] } });
        _host.Network.Says(Mta, "220 mx ESMTP\r\n");
        _learned = new(_host.Time, NullLogger<LearnedMtas>.Instance);
        _pressure = new(new ShieldService(ServiceOptions.DefaultName, _host.Snapshot), _host.Pool, _host.Time, NullLogger<MtaPressure>.Instance);
        _drain = new(_host.Snapshot, _host.Time);
        _sessions = new(_host.Time);
    }

    /// <summary>How far the clock has gone.</summary>
    public TimeSpan Elapsed => _host.Time.Elapsed;

    private MtaSlots Slots => _host.Pool.DestinationOf(_host.Pool.ClusterOf(ServiceOptions.DefaultName).DestinationsState.AllDestinations[0]).Slots;

    /// <summary>A client comes, from an address that nobody else has.</summary>
    /// <param name="isLate">It is greeted in the MTA's place.</param>
    public Member Enter(bool isLate = false)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        var member = new Member(this, $"198.51.{_members.Count / 250}.{1 + (_members.Count % 250)}", isLate);
        SynchronizationContext.SetSynchronizationContext(context);
        _members.Add(member);
        return member;
    }

    /// <summary>Time passes until something holds, or for so long. What the shield does by itself at a moment is done before the next one.</summary>
    /// <param name="holds">What.</param>
    /// <param name="atMost">How long.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="each">What happens at each step of 100 ms.</param>
    public async Task PassUntilAsync(Func<bool> holds, TimeSpan atMost, CancellationToken cancellationToken, Action? each = null)
    {
        var end = Elapsed + atMost;
        while (!holds() && Elapsed < end)
        {
            each?.Invoke();
            _host.Time.Advance(s_step);
            await UntilAsync(() => IsSettled, cancellationToken);
        }
    }

    /// <summary>Waits for what other threads do at this moment.</summary>
    public static async Task UntilAsync(Func<bool> holds, CancellationToken cancellationToken)
    {
        while (!holds())
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
            await member.DisposeAsync();
        _drain.Dispose();
        await _host.DisposeAsync();
    }

    // Who was asked for something has done it, who has left the MTA has given its slot back, and who was granted one has been greeted.
    private bool IsSettled
    {
        get
        {
            foreach (var member in _members)
                member.CloseAtMtaIfLeft();
            return _members.All(static member => member.HasReacted)
                && Slots.Used == _members.Count(static member => member is { HasSlot: true, HasLeftMta: false })
                && _members.Count(static member => member.IsDialing) == Slots.Waiting
                && _members.All(static member => member.HasEnded || member.IsDialing || member.Told.Length > 0);
        }
    }

    /// <summary>One client, its session, and the MTA's end of it.</summary>
    internal sealed class Member : IMtaDialer, IAsyncDisposable
    {
        private readonly StringBuilder _told = new();
        private readonly Crowd _crowd;
        private readonly MtaDialer _dialer;
        private readonly ClientConnection _connection;
        private readonly SessionContext _context;
        private readonly OpenSession _open;
        private readonly SessionLoop _loop;
        private readonly IDuplexPipe _client;
        private readonly Task<SessionEnd> _ended;
        private InMemoryConnection? _mta;
        private Slot? _slot;
        private volatile bool _isDialing;
        private bool _isLeft;

        public Member(Crowd crowd, string address, bool isLate)
        {
            _crowd = crowd;
            var snapshot = crowd._host.Snapshot;
            (var transport, _client) = DuplexPipe.CreateConnectionPair(s_inline, s_inline);
            _connection = TestConnection.Of(snapshot, transport, address: address, service: ServiceOptions.DefaultName);
            _context = new(_connection, static () => null, isLate);
            _open = crowd._sessions.Add(_connection);
            _dialer = new(crowd._host.Pool, crowd._pressure, _connection.Options, new(_connection.Client, new IPEndPoint(IPAddress.Loopback, 25)));
            var memory = new MtaMemory(crowd._learned, ServiceOptions.DefaultName, snapshot.Current, isInTls: false, static () => [Mta]);
            _loop = new(_context, this, memory, crowd._drain, _open, new(NullLogger<RemovedEhloKeywords>.Instance), new(NullLogger<LenientMtas>.Instance),
                crowd._host.Time, NullLogger.Instance);
            _ended = RunAsync();
        }

        /// <summary>All the client was told.</summary>
        public string Told
        {
            get
            {
                while (_client.Input.TryRead(out var read) && !read.Buffer.IsEmpty)
                {
                    _told.Append(Encoding.Latin1.GetString(read.Buffer.ToArray()));
                    _client.Input.AdvanceTo(read.Buffer.End);
                }

                return _told.ToString();
            }
        }

        /// <summary>All the MTA was told.</summary>
        public string Sent => _mta?.Received ?? "";

        /// <summary>Whether the MTA's connection was closed.</summary>
        public bool IsMtaLeft => _mta?.Disposals > 0;

        /// <summary>The session is over.</summary>
        public bool HasEnded => _ended.IsCompleted;

        /// <summary>It needs no session of the MTA's any more: it is over, or has given it back.</summary>
        public bool HasLeftMta => HasEnded || Sent.EndsWith("QUIT\r\n", StringComparison.Ordinal);

        /// <summary>It waits for a slot, or for the MTA.</summary>
        public bool IsDialing => _isDialing;

        /// <summary>It was given one of the MTA's sessions.</summary>
        public bool HasSlot => _slot is not null;

        /// <summary>Nothing is asked of it that it has not done.</summary>
        public bool HasReacted => HasEnded || _slot is null or { Demand: SlotDemand.None };

        /// <inheritdoc/>
        public bool MayRelease => _dialer.MayRelease;

        /// <inheritdoc/>
        public bool IsUnderPressure => _dialer.IsUnderPressure;

        /// <summary>The client sends, and the MTA answers.</summary>
        public Member Say(string octets, string reply)
        {
            Send(octets);
            _mta!.Say(reply);
            return this;
        }

        /// <summary>The client sends octets.</summary>
        public void Send(string octets)
        {
            _client.Output.Write(Encoding.Latin1.GetBytes(octets));
            _ = _client.Output.FlushAsync().AsTask();
        }

        /// <summary>An MTA that is left closes its side.</summary>
        public void CloseAtMtaIfLeft()
        {
            if (_isLeft || !HasLeftMta || _mta is null)
                return;
            _isLeft = true;
            _mta.Say("", close: true);
        }

        /// <inheritdoc/>
        public async ValueTask<UpstreamDialResult> DialAsync(
            ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken)
        {
            _isDialing = true;
            var result = await _dialer.DialAsync(hello, mayReuse, wake, leaveQueue, cancellationToken).ConfigureAwait(false);
            if (result.Connection is { } connection)
            {
                _slot = connection.Slot;
                _mta = _crowd._host.Network.Connections.Last();
            }

            _isDialing = false;
            return result;
        }

        /// <inheritdoc/>
        public void NoteMessage(int accepted, int refused) => _dialer.NoteMessage(accepted, refused);

        /// <inheritdoc/>
        public void NoteCommands(int accepted, int refused) => _dialer.NoteCommands(accepted, refused);

        /// <inheritdoc/>
        public void NoteBad() => _dialer.NoteBad();

        // As the session's handler does it: at its end it leaves the MTA.
        private async Task<SessionEnd> RunAsync()
        {
            await using (_loop)
                return await _loop.RunAsync().ConfigureAwait(false);
        }

        /// <inheritdoc/>
        public async ValueTask DisposeAsync()
        {
            await _loop.DisposeAsync();
            _open.Dispose();
            _context.Dispose();
            _connection.Dispose();
        }
    }
}
