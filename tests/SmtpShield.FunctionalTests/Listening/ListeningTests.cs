using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>Listening with real sockets, and with the kernel's word for who waits where.</summary>
public class ListeningTests
{
    [Test, CancelAfter(60_000), Platform("Linux")]
    public async Task ProcessLimit_OneAndFourClients_OneIsServedTwoWaitInTheQueueTheFourthIsNotConnected(CancellationToken cancellationToken)
    {
        await using var host = await ListeningHost.StartAsync(ListeningHost.Loopback(limit: 1), GreetUntilTheClientLeaves, cancellationToken);
        var server = host.EndPoints[0];

        using var first = await Client.ConnectAsync(server, cancellationToken);
        Assert.That(await first.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
        using var second = await Client.ConnectAsync(server, cancellationToken);
        using var third = await Client.ConnectAsync(server, cancellationToken);
        await Until(() => TcpTable.QueueOf(server) == 2, cancellationToken);
        using var fourth = Client.Begin(server, cancellationToken);

        Assert.That(TcpTable.StateOf(fourth.Local), Is.EqualTo(TcpTable.SynSent));
        Assert.That((fourth.Connected.IsCompleted, second.Socket.Available, third.Socket.Available), Is.EqualTo((false, 0, 0)));

        first.Dispose();
        Assert.That(await second.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
        Assert.That((host.Limit.Sessions, third.Socket.Available), Is.EqualTo((1, 0)));

        // There is room in the queue now; the next repetition of the SYN gets in.
        await fourth.Connected.WaitAsync(cancellationToken);
        await Until(() => TcpTable.QueueOf(server) == 2, cancellationToken);
        second.Dispose();
        Assert.That(await third.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
        Assert.That((host.Limit.Sessions, fourth.Socket.Available), Is.EqualTo((1, 0)));

        third.Dispose();
        Assert.That(await fourth.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
    }

    [Test, CancelAfter(30_000), Platform("Linux")]
    public async Task ProcessLimit_RaisedByAReload_AdmitsMoreSessionsAndALongerQueue(CancellationToken cancellationToken)
    {
        await using var host = await ListeningHost.StartAsync(ListeningHost.Loopback(limit: 1), GreetUntilTheClientLeaves, cancellationToken);
        var server = host.EndPoints[0];
        using var first = await Client.ConnectAsync(server, cancellationToken);
        using var second = await Client.ConnectAsync(server, cancellationToken);
        using var third = await Client.ConnectAsync(server, cancellationToken);
        await first.ReadAsync(cancellationToken);

        host.Snapshot.Replace(new ShieldOptions { Listener = ListeningHost.Loopback(limit: 3) });

        Assert.That(await second.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
        Assert.That(await third.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
        var queued = new List<Client>();
        try
        {
            for (var i = 0; i < 4; i++)
                queued.Add(await Client.ConnectAsync(server, cancellationToken));
            await Until(() => TcpTable.QueueOf(server) == 4, cancellationToken);
            using var tooMany = Client.Begin(server, cancellationToken);
            Assert.That(TcpTable.StateOf(tooMany.Local), Is.EqualTo(TcpTable.SynSent));
        }
        finally
        {
            queued.ForEach(c => c.Dispose());
        }
    }

    [Test, CancelAfter(10_000)]
    public async Task ProcessLimit_SlotReleasedBeforeTheClose_ServesTheNextClient(CancellationToken cancellationToken)
    {
        await using var host = await ListeningHost.StartAsync(
            ListeningHost.Loopback(limit: 1),
            async connection =>
            {
                await GreetAsync(connection);
                connection.Features.Get<ProcessSlot>()!.Release();
                await UntilTheClientLeaves(connection);
            },
            cancellationToken);

        using var lingering = await Client.ConnectAsync(host.EndPoints[0], cancellationToken);
        using var next = await Client.ConnectAsync(host.EndPoints[0], cancellationToken);

        Assert.That(await next.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
    }

    [Test, CancelAfter(10_000)]
    public async Task ProcessLimit_PipelineThrows_SlotIsReleased(CancellationToken cancellationToken)
    {
        await using var host = await ListeningHost.StartAsync(
            ListeningHost.Loopback(limit: 1),
            async connection =>
            {
                await GreetAsync(connection);
                throw new InvalidOperationException("A bug.");
            },
            cancellationToken);

        for (var i = 0; i < 3; i++)
        {
            using var client = await Client.ConnectAsync(host.EndPoints[0], cancellationToken);
            Assert.That(await client.ReadAsync(cancellationToken), Is.EqualTo("220\r\n"));
        }
    }

    [Test, CancelAfter(10_000)]
    public async Task Flush_KernelTakesNoMore_CompletesOnlyWhenTheClientReads(CancellationToken cancellationToken)
    {
        var flushing = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await ListeningHost.StartAsync(
            ListeningHost.Loopback(limit: 1),
            async connection =>
            {
                var flush = FlushUntilHeldUpAsync(connection.Transport.Output);
                flushing.SetResult(flush);
                await flush;
            },
            cancellationToken);
        using var client = await Client.ConnectAsync(host.EndPoints[0], cancellationToken);

        var flush = await flushing.Task.WaitAsync(cancellationToken);
        Assert.That(flush.IsCompleted, Is.False);
        while ((await client.ReadAsync(cancellationToken)).Length > 0)
        {
        }

        await flush.WaitAsync(cancellationToken);
    }

    [Test, CancelAfter(10_000)]
    public async Task Bind_BothWildcardsWithTheSamePort_LiveSideBySide(CancellationToken cancellationToken)
    {
        Assume.That(Socket.OSSupportsIPv6, "This host has no IPv6.");
        var port = LoopbackPorts.Take();
        var options = new ListenerOptions { Endpoints = [new IPEndPoint(IPAddress.Any, port), new IPEndPoint(IPAddress.IPv6Any, port)] };
        await using var host = await ListeningHost.StartAsync(options, GreetUntilTheClientLeaves, cancellationToken);

        using var v4 = await Client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
        using var v6 = await Client.ConnectAsync(new IPEndPoint(IPAddress.IPv6Loopback, port), cancellationToken);

        Assert.That((await v4.ReadAsync(cancellationToken), await v6.ReadAsync(cancellationToken)), Is.EqualTo(("220\r\n", "220\r\n")));
    }

    [Test, CancelAfter(10_000)]
    public async Task Bind_IPv6Wildcard_TakesNoIPv4Client(CancellationToken cancellationToken)
    {
        Assume.That(Socket.OSSupportsIPv6, "This host has no IPv6.");
        var port = LoopbackPorts.Take();
        await using var host = await ListeningHost.StartAsync(
            new ListenerOptions { Endpoints = [new IPEndPoint(IPAddress.IPv6Any, port)] }, GreetUntilTheClientLeaves, cancellationToken);

        Assert.That(
            async () => (await Client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken)).Dispose(),
            Throws.TypeOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.ConnectionRefused));
    }

    [Test, CancelAfter(10_000)]
    public async Task Bind_AddressInUse_IsOneClearLine(CancellationToken cancellationToken)
    {
        await using var host = await ListeningHost.StartAsync(ListeningHost.Loopback(limit: 1), GreetUntilTheClientLeaves, cancellationToken);
        var taken = host.EndPoints[0];

        Assert.That(
            () => ListeningHost.StartAsync(new ListenerOptions { Endpoints = [taken] }, GreetUntilTheClientLeaves, cancellationToken),
            Throws.TypeOf<EndpointBindException>().With.Message.StartsWith($"bind 127.0.0.1 port {taken.Port}: Address already in use; stop the program"));
    }

    [Test, CancelAfter(10_000)]
    public void Bind_AddressOfAnotherHost_IsOneClearLine(CancellationToken cancellationToken) =>
        Assert.That(
            () => ListeningHost.StartAsync(new ListenerOptions { Endpoints = [IPEndPoint.Parse("192.0.2.1:2525")] },
                GreetUntilTheClientLeaves, cancellationToken),
            Throws.TypeOf<EndpointBindException>().With.Message.StartsWith("bind 192.0.2.1 port 2525: Cannot assign requested address; "));

    [Test, CancelAfter(30_000)]
    public async Task Stop_SessionRunning_RefusesNewClientsAndWaitsForIt(CancellationToken cancellationToken)
    {
        var mayEnd = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ListeningHost? started = null;
        await using var host = started = await ListeningHost.StartAsync(
            ListeningHost.Loopback(limit: 10),
            async connection =>
            {
                await GreetAsync(connection);
                using var onDrain = started!.Drain.Draining.Register(told.SetResult);
                await mayEnd.Task;
                await connection.Transport.Output.WriteAsync("421\r\n"u8.ToArray());
            },
            cancellationToken);
        var server = host.EndPoints[0];
        using var client = await Client.ConnectAsync(server, cancellationToken);
        await client.ReadAsync(cancellationToken);

        var stopping = host.StopAsync(cancellationToken);
        await told.Task.WaitAsync(cancellationToken);

        Assert.That(
            async () => (await Client.ConnectAsync(server, cancellationToken)).Dispose(),
            Throws.TypeOf<SocketException>().With.Property(nameof(SocketException.SocketErrorCode)).EqualTo(SocketError.ConnectionRefused));
        Assert.That(stopping.IsCompleted, Is.False);
        mayEnd.SetResult();
        await stopping.WaitAsync(cancellationToken);
        Assert.That(await client.ReadAsync(cancellationToken), Is.EqualTo("421\r\n"));
    }

    [Test, CancelAfter(10_000)]
    public async Task Stop_NoSession_StopsAtOnce(CancellationToken cancellationToken)
    {
        await using var host = await ListeningHost.StartAsync(ListeningHost.Loopback(limit: 1), GreetUntilTheClientLeaves, cancellationToken);

        await host.StopAsync(cancellationToken).WaitAsync(cancellationToken);

        Assert.That(host.Drain.Connections, Is.Zero);
    }

    private static async Task GreetUntilTheClientLeaves(ConnectionContext connection)
    {
        await GreetAsync(connection);
        await UntilTheClientLeaves(connection);
    }

    private static ValueTask<FlushResult> GreetAsync(ConnectionContext connection) => connection.Transport.Output.WriteAsync("220\r\n"u8.ToArray());

    private static async Task UntilTheClientLeaves(ConnectionContext connection)
    {
        var read = await connection.Transport.Input.ReadAsync();
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
    }

    // A client is connected a moment before the kernel has put it into the server's queue.
    private static async Task Until(Func<bool> condition, CancellationToken cancellationToken)
    {
        while (!condition())
        {
            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    // The client does not read: after some megabytes the kernel takes no more.
    private static Task<FlushResult> FlushUntilHeldUpAsync(PipeWriter output)
    {
        while (true)
        {
            var flush = output.WriteAsync(new byte[1 << 20], CancellationToken.None);
            if (!flush.IsCompleted)
                return flush.AsTask();
            flush.GetAwaiter().GetResult();
        }
    }
}
