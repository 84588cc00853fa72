using System.Net.Sockets;
using System.Text;
using SmtpShield.Hosting;
using SmtpShield.FunctionalTests.Listening;

namespace SmtpShield.FunctionalTests.Hosting;

[Platform("Linux"), NonParallelizable]
public class SystemdNotifierTests
{
    private string _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("smtpshield-notify-").FullName;

    [TearDown]
    public void RemoveFolder()
    {
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", null);
        Directory.Delete(_folder, recursive: true);
    }

    [TestCase(false), TestCase(true)]
    [CancelAfter(10_000)]
    public async Task Reload_SocketGiven_TellsBeginAndEnd(bool inAbstractNamespace, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_folder, "notify");
        using var manager = Manager(inAbstractNamespace ? '\0' + path : path);
        var notifier = new SystemdNotifier(inAbstractNamespace ? '@' + path : path, new FixedClock());

        notifier.Reloading();
        notifier.Ready();

        Assert.That(await ReceiveAsync(manager, cancellationToken), Is.EqualTo("RELOADING=1\nMONOTONIC_USEC=1500000"));
        Assert.That(await ReceiveAsync(manager, cancellationToken), Is.EqualTo("READY=1"));
    }

    [TestCase(null), TestCase(""), TestCase("/nonexistent/notify")]
    public void Ready_NobodyListens_DoesNothing(string? path) => Assert.That(new SystemdNotifier(path, TimeProvider.System).Ready, Throws.Nothing);

    [Test, CancelAfter(30_000)]
    public async Task Host_StartAndStop_TellsStoppingBeforeTheDrainIsOver(CancellationToken cancellationToken)
    {
        var path = Path.Combine(_folder, "notify");
        using var manager = Manager(path);
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", path);
        var mayEnd = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var host = await ListeningHost.StartAsync(ListeningHost.Loopback(limit: 1), _ => mayEnd.Task, cancellationToken);
        Assert.That(await ReceiveAsync(manager, cancellationToken), Is.EqualTo("READY=1"));
        using var lease = host.Drain.Enter();

        var stopping = host.StopAsync(cancellationToken);

        Assert.That(await ReceiveAsync(manager, cancellationToken), Is.EqualTo("STOPPING=1"));
        Assert.That(stopping.IsCompleted, Is.False);
        mayEnd.SetResult();
        lease.Dispose();
        await stopping.WaitAsync(cancellationToken);
    }

    private static Socket Manager(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static async Task<string> ReceiveAsync(Socket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[1000];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken));
    }

    private sealed class FixedClock : TimeProvider
    {
        public override long TimestampFrequency => 1_000;

        public override long GetTimestamp() => 1_500;
    }
}
