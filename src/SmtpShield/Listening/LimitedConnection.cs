using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using SmtpShield.Hosting;

namespace SmtpShield.Listening;

/// <summary>
/// A connection as the transport made it, which gives its <see cref="ProcessSlot"/> and its place back at its end. Who serves it disposes it, also when its
/// pipeline threw (<see cref="ServedConnections"/>), so this is where nothing can be forgotten.
/// </summary>
internal sealed class LimitedConnection : ConnectionContext
{
    private readonly ConnectionContext _connection;
    private readonly ProcessSlot _slot;
    private readonly ConnectionRoom.Place _place;
    private readonly ConnectionDrain.Lease _lease;

    /// <summary>Leaves the slot as a feature.</summary>
    public LimitedConnection(ConnectionContext connection, ProcessSlot slot, ConnectionRoom.Place place, ConnectionDrain.Lease lease)
    {
        _connection = connection;
        _slot = slot;
        _place = place;
        _lease = lease;
        connection.Features.Set(slot);
    }

    /// <inheritdoc/>
    public override string ConnectionId
    {
        get => _connection.ConnectionId;
        set => _connection.ConnectionId = value;
    }

    /// <inheritdoc/>
    public override IFeatureCollection Features => _connection.Features;

    /// <inheritdoc/>
    public override IDictionary<object, object?> Items
    {
        get => _connection.Items;
        set => _connection.Items = value;
    }

    /// <inheritdoc/>
    public override IDuplexPipe Transport
    {
        get => _connection.Transport;
        set => _connection.Transport = value;
    }

    /// <inheritdoc/>
    public override EndPoint? LocalEndPoint
    {
        get => _connection.LocalEndPoint;
        set => _connection.LocalEndPoint = value;
    }

    /// <inheritdoc/>
    public override EndPoint? RemoteEndPoint
    {
        get => _connection.RemoteEndPoint;
        set => _connection.RemoteEndPoint = value;
    }

    /// <inheritdoc/>
    public override CancellationToken ConnectionClosed
    {
        get => _connection.ConnectionClosed;
        set => _connection.ConnectionClosed = value;
    }

    /// <inheritdoc/>
    public override void Abort(ConnectionAbortedException abortReason) => _connection.Abort(abortReason);

    /// <inheritdoc/>
    public override void Abort() => _connection.Abort();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        try
        {
            await _connection.DisposeAsync();
        }
        finally
        {
            _slot.Release();
            _place.Dispose();
            _lease.Dispose();
            await base.DisposeAsync();
        }
    }
}
