using System.Net;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Upgrade;

/// <summary>The program, given its listening sockets as systemd gives them (sd_listen_fds(3)).</summary>
[Platform("Linux"), CancelAfter(120_000)]
internal sealed class SocketActivationTests
{
    // Becomes the program, as systemd's child does: 3 is the first descriptor.
    private const string Starter = """
        import os, socket, sys
        host, port, name = sys.argv[1:4]
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, int(port)))
        s.listen(64)
        client = socket.create_connection((host, int(port)))
        os.dup2(s.fileno(), 3)
        os.dup2(client.fileno(), 4)
        os.set_inheritable(3, True)
        os.set_inheritable(4, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
        os.execvp(sys.argv[4], sys.argv[4:])
        """;

    [Test]
    public async Task Run_SocketOfShieldListen_IsServedWithWhoWaitsThere(CancellationToken cancellationToken)
    {
        RequirePython();
        await using var sink = new LedgerSink();
        var at = new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take());
        await using var shield = await ShieldProcess.StartAsync(
            sink.EndPoint, new Dictionary<string, string> { ["shield_listen"] = $"{at}" }, cancellationToken, Under(at, "smtp"));

        await using var client = await RawSmtpClient.ConnectAsync(at, IPAddress.Parse("127.0.60.1"), cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(shield.AllLines, Does.Contain("connect from unknown[127.0.0.1]"), "who was in the queue before the shield was there");

        // It goes on to a successor, as any other.
        var (status, body, _) = await shield.UpgradeAsync(cancellationToken);
        Assert.That(status, Is.EqualTo(200), body);
        await using var next = await RawSmtpClient.ConnectAsync(at, IPAddress.Parse("127.0.60.1"), cancellationToken);
        Assert.That(await next.ReplyAsync(cancellationToken), Does.StartWith("220 "));
    }

    [Test]
    public async Task Run_SocketElsewhere_DoesNotStartAndSaysWhatToDo(CancellationToken cancellationToken)
    {
        RequirePython();
        var (at, elsewhere) = (new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take()), new IPEndPoint(IPAddress.Loopback, LoopbackPorts.Take()));
        var parameters = new Dictionary<string, string> { ["shield_listen"] = $"{at}" };
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(
            () => ShieldProcess.StartAsync(new(IPAddress.Loopback, 9), parameters, cancellationToken, Under(elsewhere, "smtp")));

        Assert.That(failure!.Message, Does.Contain("exited with 1").And.Contain(
            $"smtpshield: fatal: socket activation: descriptor 3 (smtp) listens at {elsewhere}, which is not in shield_listen of service smtp: add it there, "
            + "or change ListenStream= or FileDescriptorName= of the socket unit"));
    }

    private static void RequirePython()
    {
        if (!OutsideProcess.IsInstalled("python3"))
            Assert.Ignore("python3 is not installed (tests/run installs it when it runs as root)");
    }

    private static string[] Under(IPEndPoint at, string name) => ["python3", "-c", Starter, $"{at.Address}", $"{at.Port}", name];
}
