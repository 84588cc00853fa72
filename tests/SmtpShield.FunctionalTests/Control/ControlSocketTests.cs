using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Control;
using SmtpShield.Options;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Control;

/// <summary>The file of the control socket: its mode, whose place it takes and whose it leaves alone, and that mail does not depend on it.</summary>
[Platform("Linux"), SupportedOSPlatform("linux"), CancelAfter(120_000)]
[Property("Operations", "OPS-1")]
internal sealed class ControlSocketTests
{
    private const UnixFileMode ForGroup = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly IPEndPoint s_nobody = new(IPAddress.Loopback, 9);

    private string _directory = "";

    private string Place => Path.Combine(_directory, "control.sock");

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory("smtpshield-control-").FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [TestCase("000"), TestCase("022"), TestCase("077")]
    public async Task Mode_FromTheFirstMomentOn_IsNeverWiderThanItsGroup(string umask, CancellationToken cancellationToken)
    {
        using var modes = new SeenModes(_directory);
        await using var shield = await StartAsync(cancellationToken, umask);
        await shield.StopAsync(cancellationToken);

        Assert.Multiple(() =>
        {
            Assert.That(modes.InPlace, Is.EqualTo((UnixFileMode[])[ForGroup]));
            Assert.That(modes.Elsewhere.Select(mode => mode & ~ForGroup), Is.All.EqualTo(UnixFileMode.None));
        });
    }

    [Test]
    public void Mode_OfAHundredStarts_IsAlwaysTheSameInItsPlace()
    {
        using var modes = new SeenModes(_directory);
        for (var i = 0; i < 100; i++)
        {
            using var socket = Make(out _);
            Assert.That(socket.TryListen(), Is.True);
            Assert.That((Directory.GetFiles(_directory).Single(), File.GetUnixFileMode(Place)), Is.EqualTo((Place, ForGroup)));
        }

        Assert.Multiple(() =>
        {
            Assert.That(modes.InPlace, Is.SubsetOf((UnixFileMode[])[ForGroup]));
            Assert.That(Directory.GetFiles(_directory), Is.Empty);
        });
    }

    [Test]
    public async Task Start_BehindOneThatWasKilled_TakesItsPlace(CancellationToken cancellationToken)
    {
        await using (var killed = await StartAsync(cancellationToken))
        {
            killed.Signal(9);
            await killed.WaitForExitAsync(s_limit, cancellationToken);
        }

        Assert.That(File.Exists(Place), Is.True, "it was killed");
        await using var shield = await StartAsync(cancellationToken);
        Assert.That(await ProcessAsync(Place, cancellationToken), Is.EqualTo(shield.Id));
        await shield.StopAsync(cancellationToken);
        Assert.That(Directory.GetFiles(_directory), Is.Empty, "removed at the end");
    }

    [Test]
    public async Task Start_BesideOneThatLives_LeavesItAloneAndFollowsIt(CancellationToken cancellationToken)
    {
        await using var first = await StartAsync(cancellationToken);
        await using var second = await StartAsync(cancellationToken);

        Assert.That(second.AllLines, Does.Contain($"warning: control socket {Place}: another shield answers there"));
        Assert.That(await ProcessAsync(Place, cancellationToken), Is.EqualTo(first.Id));
        await first.StopAsync(cancellationToken);
        await Eventually.HoldsAsync(() => File.Exists(Place), s_limit, "the second one is in its place", cancellationToken);
        Assert.That(await ProcessAsync(Place, cancellationToken), Is.EqualTo(second.Id));
        await second.StopAsync(cancellationToken);
        Assert.That(Directory.GetFiles(_directory), Is.Empty);
    }

    [Test]
    public void Dispose_WhenAnotherStandsInItsPlace_LeavesThatAlone()
    {
        using var earlier = Make(out _);
        Assert.That(earlier.TryListen(), Is.True);
        File.Delete(Place);
        using var later = Make(out _);
        Assert.That(later.TryListen(), Is.True);

        earlier.Dispose();

        Assert.That(File.Exists(Place), Is.True);
    }

    // A file of somebody's is none that was left behind.
    [Test]
    public async Task Look_OnceThePlaceIsFree_TakesIt(CancellationToken cancellationToken)
    {
        var time = new FakeTimeProvider();
        await File.WriteAllTextAsync(Place, "mine", cancellationToken);
        using var socket = Make(out var log, time);
        Assert.That(socket.TryListen(), Is.True);
        Assert.That(log.GetSnapshot().Single().Message, Does.Contain("something else than a socket"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.That(await File.ReadAllTextAsync(Place, cancellationToken), Is.EqualTo("mine"));

        File.Delete(Place);
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.That(File.GetUnixFileMode(Place), Is.EqualTo(ForGroup));
        Assert.That(log.Count, Is.EqualTo(1), "said once");
        (await ControlHttp.ConnectAsync(Place, cancellationToken)).Dispose();
    }

    [Test]
    public async Task Start_WithoutADirectory_ServesMail(CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        mta.Serve(async connection =>
        {
            await connection.SendAsync("220 mail.example.com ESMTP\r\n", cancellationToken);
            await connection.Ended.WaitAsync(cancellationToken);
        });
        var nowhere = Path.Combine(_directory, "not-there", "control.sock");
        await using var shield = await ShieldProcess.StartAsync(
            mta.EndPoint, new Dictionary<string, string> { ["shield_control_socket"] = nowhere }, cancellationToken);

        await using var client = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Loopback, cancellationToken);
        Assert.That(await client.ReplyAsync(cancellationToken), Does.StartWith("220 "));
        Assert.That(shield.AllLines, Does.Contain($"warning: control socket {nowhere}: there is no directory {Path.GetDirectoryName(nowhere)}; "
            + "the shield runs without one"));
    }

    [Test]
    public async Task Start_WithAnEmptyName_MakesNoneAndSaysNothing(CancellationToken cancellationToken)
    {
        await using var shield = await ShieldProcess.StartAsync(
            s_nobody, new Dictionary<string, string> { ["shield_control_socket"] = "" }, cancellationToken);
        Assert.That(File.Exists(shield.ControlSocket), Is.False);
        Assert.That(shield.AllLines, Does.Not.Contain("control socket"));
        await shield.StopAsync(cancellationToken);
    }

    private Task<ShieldProcess> StartAsync(CancellationToken cancellationToken, string umask = "022") => ShieldProcess.StartAsync(
        s_nobody, new Dictionary<string, string> { ["shield_control_socket"] = Place, ["shield_drain_timeout"] = "0" }, cancellationToken,
        ["sh", "-c", $"umask {umask}; exec \"$@\"", "sh"]);

    // As on Windows and macOS. What one that was killed has left is an empty file to them.
    [Test]
    public async Task TryListen_InPlace_TakesThatOfOneThatWasKilled(CancellationToken cancellationToken)
    {
        File.WriteAllText(Place, "");
        using (var socket = Make(out _, isMoved: false))
        {
            Assert.That(socket.TryListen(), Is.True);
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(new UnixDomainSocketEndPoint(Place), cancellationToken);
            Assert.That(File.GetUnixFileMode(Place), Is.EqualTo(ForGroup));
        }

        Assert.That(File.Exists(Place), Is.False);
    }

    [Test]
    public void TryListen_InPlaceOfOneThatLivesOrOfAFile_LeavesIt()
    {
        using var earlier = Make(out _, isMoved: false);
        Assert.That(earlier.TryListen(), Is.True);
        using (var later = Make(out var log, isMoved: false))
        {
            Assert.That(later.TryListen(), Is.False);
            Assert.That(log.GetSnapshot().Single().Message, Does.Contain("another shield answers there, or it is no socket"));
        }

        Assert.That(File.Exists(Place), Is.True);
        earlier.Dispose();
        File.WriteAllText(Place, "mail");
        using var other = Make(out _, isMoved: false);
        Assert.That((other.TryListen(), File.ReadAllText(Place)), Is.EqualTo((false, "mail")));
    }

    private ControlSocket Make(out FakeLogCollector log, TimeProvider? time = null, bool isMoved = true)
    {
        log = new FakeLogCollector();
        return new(new(new ShieldOptions { Control = new() { Socket = Place } }), time ?? TimeProvider.System, new FakeLogger<ControlSocket>(log), isMoved);
    }

    private static async Task<int> ProcessAsync(string socket, CancellationToken cancellationToken)
    {
        var (_, body) = await ControlHttp.AskAsync(socket, HttpMethod.Get, "/v1/status", cancellationToken);
        return System.Text.Json.JsonDocument.Parse(body).RootElement.GetProperty("process").GetInt32();
    }

    /// <summary>Looks at the modes of sockets in a directory without a pause, as somebody who waits for the moment would.</summary>
    private sealed class SeenModes : IDisposable
    {
        private readonly HashSet<UnixFileMode> _inPlace = [];
        private readonly HashSet<UnixFileMode> _elsewhere = [];
        private readonly Thread _looks;
        private volatile bool _isOver;

        public SeenModes(string directory)
        {
            _looks = new Thread(() => Look(directory));
            _looks.Start();
        }

        public IReadOnlyCollection<UnixFileMode> InPlace => Over(_inPlace);

        public IReadOnlyCollection<UnixFileMode> Elsewhere => Over(_elsewhere);

        public void Dispose() => Over(_inPlace);

        private HashSet<UnixFileMode> Over(HashSet<UnixFileMode> modes)
        {
            _isOver = true;
            _looks.Join();
            return modes;
        }

        private void Look(string directory)
        {
            while (!_isOver)
            {
                foreach (var path in Directory.GetFiles(directory))
                {
                    try
                    {
                        (path.EndsWith(".sock", StringComparison.Ordinal) ? _inPlace : _elsewhere).Add(File.GetUnixFileMode(path));
                    }
                    catch (IOException)
                    {
                        // It is somewhere else by now.
                    }
                }
            }
        }
    }
}
