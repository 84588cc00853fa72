using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace SmtpShield.Transport;

/// <summary>
/// A connected socket as Kestrel's <see cref="ConnectionContext"/>, the same for clients and for MTAs, whatever waits for the socket. Where Kestrel's own
/// transport has two pipes with a task each between the socket and its reader, this one reads and writes the socket directly: a session waits most of its life,
/// and costs little meanwhile.
/// </summary>
internal abstract class TransportConnection : ConnectionContext, IDuplexPipe, IConnectedSocket
{
    // More than a peer that waits for an answer has sent, and nothing to read in one go.
    private const int MostDropped = 1 << 20;
    private const int DropBuffer = 16 * 1024;

    private static long _lastId;

    private readonly long _number = Interlocked.Increment(ref _lastId);
    private ConnectionFeatures? _features;
    private IDuplexPipe? _transport;
    private string? _id;

    /// <inheritdoc />
    public abstract PipeReader Input { get; }

    /// <inheritdoc />
    public abstract PipeWriter Output { get; }

    /// <inheritdoc />
    public abstract bool HasInput { get; }

    /// <inheritdoc />
    public override IDuplexPipe Transport
    {
        get => _transport ?? this;
        set => _transport = value;
    }

    /// <inheritdoc />
    public override string ConnectionId
    {
        get => _id ??= _number.ToString(CultureInfo.InvariantCulture);
        set => _id = value;
    }

    /// <inheritdoc />
    public override IFeatureCollection Features
    {
        get
        {
            if (_features is null)
            {
                _features = new();
                AddFeatures(_features);
            }

            return _features;
        }
    }

    /// <inheritdoc />
    public override IDictionary<object, object?> Items { get => field ??= new Dictionary<object, object?>(); set; }

    /// <inheritdoc />
    public override void Abort(ConnectionAbortedException abortReason) => Abort();

    /// <inheritdoc />
    public abstract override void Abort();

    /// <inheritdoc />
    public abstract void Start(IThreadPoolWorkItem serve);

    /// <inheritdoc />
    public abstract void EndSending();

    /// <inheritdoc />
    public abstract void Reset();

    /// <summary>Adds what the connection is, once.</summary>
    protected virtual void AddFeatures(IFeatureCollection features) => features.Set<IConnectedSocket>(this);

    /// <summary>Receives without waiting.</summary>
    /// <returns>Octets; 0 or less: there are none.</returns>
    protected abstract int ReceiveNow(Span<byte> buffer);

    /// <summary>
    /// Reads and drops what the peer has sent up to now (up to <see cref="MostDropped"/> octets). Closing a socket that has input makes the kernel reset it,
    /// although FIN has gone out before (RFC 2525 section 2.17). Before receiving is shut down, too: behind that the kernel would not tell the peer that there
    /// is room again, and a peer that sends on would learn of the end a minute later only.
    /// </summary>
    protected void DropInput()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(DropBuffer);
        for (var dropped = 0; dropped < MostDropped && ReceiveNow(buffer) is > 0 and var count;)
            dropped += count;
        ArrayPool<byte>.Shared.Return(buffer);
    }
}
