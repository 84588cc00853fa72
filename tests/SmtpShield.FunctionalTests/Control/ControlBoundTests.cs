using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>What somebody can do to a shield who may open its control socket: next to nothing.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(180_000)]
[Property("Operations", "OPS-10")]
internal sealed class ControlBoundTests
{
    private const int Most = 32;
    private static readonly IPEndPoint s_away = new(IPAddress.Loopback, 9);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Test]
    public async Task Connections_AThousandHeldOpen_AreFewAtTheShieldAndMailGoesOn(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mail.example.com ESMTP\r\n", cancellationToken);
            await connection.Ended.WaitAsync(cancellationToken);
        });
        await using var shield = await ShieldProcess.StartAsync(mta.EndPoint, new Dictionary<string, string>(), cancellationToken);
        var held = new List<Socket>();
        try
        {
            // Half of a request each: the rest never comes.
            for (var i = 0; i < 1000; i++)
            {
                held.Add(await ControlHttp.ConnectAsync(shield.ControlSocket, cancellationToken));
                try
                {
                    await held[^1].SendAsync("GET /v1/status HTTP/1.1\r\n"u8.ToArray(), cancellationToken);
                }
                catch (SocketException)
                {
                    // Closed at once, as most are.
                }
            }

            await Eventually.HoldsAsync(() => shield.ControlConnections() <= 2 * Most, s_limit, "few are left", cancellationToken);
            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
            Assert.That(await held[^1].ReadAllAsync(cancellationToken), Does.StartWith("HTTP/1.1 503 Service Unavailable\r\n").Or.Empty);
        }
        finally
        {
            held.ForEach(static socket => socket.Dispose());
        }

        await Eventually.HoldsAsync(() => shield.ControlConnections() == 0, s_limit, "none is left", cancellationToken);
        Assert.That((await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken)).Status, Is.EqualTo(200));
        Assert.That(shield.AllLines, Does.Not.Contain("error: "));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    public async Task AdminConnections_AThousandHeldOpen_AreFewAtTheShieldAndOthersAreAnswered(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mail.example.com ESMTP\r\n", cancellationToken);
            await connection.Ended.WaitAsync(cancellationToken);
        });
        var admin = FreeEndPoint();
        var users = Path.GetTempFileName();
        await using var shield = await ShieldProcess.StartAsync(
            mta.EndPoint, new Dictionary<string, string> { ["shield_admin_listen"] = $"{admin}", ["shield_admin_users_file"] = users }, cancellationToken);
        var held = new List<Socket>();
        try
        {
            for (var i = 0; i < 1000; i++)
            {
                held.Add(await ConnectAsync(IPAddress.Loopback, admin, cancellationToken));
                try
                {
                    await held[^1].SendAsync("GET /v1/status HTTP/1.1\r\n"u8.ToArray(), cancellationToken);
                }
                catch (SocketException)
                {
                    // Closed at once, as most are.
                }
            }

            await Eventually.HoldsAsync(() => shield.ConnectionsAt(admin) <= 2 * Most, s_limit, "few are left", cancellationToken);
            string answer;
            do
            {
                using var other = await ConnectAsync(IPAddress.Parse("127.0.0.2"), admin, cancellationToken);
                await other.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/status HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n"), cancellationToken);
                answer = await other.ReadAllAsync(cancellationToken);
            }
            // Where all stands still for so long that the time for its request is over, it asks again.
            while (answer.Length == 0 || answer.StartsWith("HTTP/1.1 408 ", StringComparison.Ordinal));
            Assert.That(answer, Does.StartWith("HTTP/1.1 401 "), "one address leaves room for another");

            await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
            Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
            Assert.That((await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken)).Status, Is.EqualTo(200),
                "the control socket has places of its own");
        }
        finally
        {
            held.ForEach(static socket => socket.Dispose());
            File.Delete(users);
        }

        await Eventually.HoldsAsync(() => shield.ConnectionsAt(admin) == 0, s_limit, "none is left", cancellationToken);
        Assert.That(shield.AllLines, Does.Not.Contain("error: "));
        await shield.StopAsync(cancellationToken);
    }

    [Test]
    public async Task Connections_OfOneUserAtItsBound_AreToldAndLeaveRoomForAnother(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(s_away, new Dictionary<string, string>(), cancellationToken);
        var held = new List<Socket>();
        try
        {
            string answer;
            do
            {
                held.Add(await ControlHttp.ConnectAsync(shield.ControlSocket, cancellationToken));
                await held[^1].SendAsync("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), cancellationToken);
                answer = await held[^1].ReadStartAsync(cancellationToken);
                // As a browser holds its connection: by using it, or by never ending its next request.
                if (answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
                    await held[^1].SendAsync("GET "u8.ToArray(), cancellationToken);
            }
            while (answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && held.Count <= Most);

            Assert.That(answer, Does.StartWith("HTTP/1.1 503 ").And.Contain("Retry-After: 1\r\n").And.Contain("too many connections to the control socket"));
            Assert.That(shield.ControlConnections(), Is.GreaterThan(0), "they are seen");
            Assert.That(held, Has.Count.LessThanOrEqualTo(Most * 3 / 4 + 1));
            if (Environment.IsPrivilegedProcess && OutsideProcess.IsInstalled("setpriv") && OutsideProcess.IsInstalled("curl"))
            {
                // The directory of a ShieldProcess is its owner's alone.
                var directory = Path.GetDirectoryName(shield.ControlSocket)!;
                File.SetUnixFileMode(directory, File.GetUnixFileMode(directory) | UnixFileMode.GroupExecute);
                Assert.That((await OutsideProcess.RunAsync("setpriv", ["--reuid", "65534", "--regid", "0", "--clear-groups", "curl", "-sS", "--fail",
                    "--unix-socket", shield.ControlSocket, "http://localhost/v1/status"],
                    s_limit, cancellationToken, workingDirectory: "/")).ExitCode, Is.Zero);
            }
        }
        finally
        {
            held.ForEach(static socket => socket.Dispose());
        }

        await shield.StopAsync(cancellationToken);
    }

    [Test]
    public async Task Stop_WhileSomebodyHoldsTheSocket_IsNotHeldUp(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(s_away, new Dictionary<string, string>(), cancellationToken);
        using var idle = await ControlHttp.ConnectAsync(shield.ControlSocket, cancellationToken);
        using var half = await ControlHttp.ConnectAsync(shield.ControlSocket, cancellationToken);
        await half.SendAsync("POST /v1/upstreams/x/drain HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"u8.ToArray(),
            cancellationToken);

        await shield.StopAsync(cancellationToken);

        Assert.That(File.Exists(shield.ControlSocket), Is.False);
    }

    private static IPEndPoint FreeEndPoint()
    {
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)free.LocalEndPoint!;
    }

    private static async Task<Socket> ConnectAsync(IPAddress from, IPEndPoint to, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(to, cancellationToken);
        return socket;
    }
}

/// <summary>Reads from a socket as text.</summary>
file static class SocketText
{
    public static async Task<string> ReadStartAsync(this Socket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 << 10];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, cancellationToken));
    }

    public static async Task<string> ReadAllAsync(this Socket socket, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        try
        {
            while (await socket.ReadStartAsync(cancellationToken) is { Length: > 0 } part)
                text.Append(part);
        }
        catch (SocketException)
        {
            // Closed with what it had sent unread.
        }

        return text.ToString();
    }
}
