using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.Session;
using SmtpShield.Testing;
using SmtpShield.Tests.Admission;
using SmtpShield.Tests.Limits;
using SmtpShield.Tests.Shadow;
using SmtpShield.Tests.Throttling;

namespace SmtpShield.Tests.Session;

public class RecordSessionTests
{
    private ShieldSnapshot _snapshot = null!;
    private AnvilTable _anvil = null!;
    private FakeLogger<RecordSession> _log = null!;

    [SetUp]
    public void Create()
    {
        _snapshot = new(new());
        _anvil = TestAnvil.Table(_snapshot, new FakeTimeProvider());
        _log = new();
    }

    private RecordSession Stage => new(_anvil, TestThrottle.Of(_anvil, new FakeTimeProvider()), ServiceMetrics.Uncounted,
        static _ => null, TestShadow.Book(_snapshot, _anvil, new FakeTimeProvider()), new FakeTimeProvider(), _log);

    [TestCase(false, "Information: connect from unknown[192.0.2.7]", "Information: disconnect from unknown[192.0.2.7] commands=0/0")]
    [TestCase(true, "Debug: checked by unknown[192.0.2.7] commands=0/0")]
    [Property("Hazard", "ID-10")]
    public async Task Invoke_OwnConnectionOfAProxy_IsOneLineAtDebugLevel(bool isLocal, params string[] expected)
    {
        await Stage.InvokeAsync(TestConnection.Identified(_snapshot, proxy: new ProxyConnection(isLocal)), _ => Task.CompletedTask);

        Assert.That(_log.Lines, Is.EqualTo(expected));
    }

    [TestCase(SessionEndReason.ClientLost, "Information: lost connection after RCPT from unknown[192.0.2.7]")]
    [TestCase(SessionEndReason.ClientTimeout, "Information: timeout after RCPT from unknown[192.0.2.7]")]
    [TestCase(SessionEndReason.UpstreamLost, "Warning: lost connection with upstream mta:25 after RCPT from unknown[192.0.2.7]")]
    [TestCase(SessionEndReason.ClientQuit)]
    [TestCase(SessionEndReason.ConnectionLimit)]
    public async Task Invoke_End_IsWrittenBetweenConnectAndDisconnect(object reason, params string[] lines)
    {
        await Stage.InvokeAsync(TestConnection.Identified(_snapshot), connection =>
        {
            connection.EndWith(new((SessionEndReason)reason, "RCPT", "mta:25"));
            connection.EndWith(new(SessionEndReason.TooManyErrors, "DATA"));
            return Task.CompletedTask;
        });

        Assert.That(_log.Lines,
            Is.EqualTo((string[])["Information: connect from unknown[192.0.2.7]", .. lines, "Information: disconnect from unknown[192.0.2.7] commands=0/0"]));
    }

    [Test]
    public void Invoke_NextFails_IsAnEndTooAndTheClientIsNotCountedAnyMore()
    {
        ClientConnection? seen = null;
        var range = TestConnection.Identified(_snapshot).Client.Range;

        Assert.That(
            async () => await Stage.InvokeAsync(TestConnection.Identified(_snapshot), async connection =>
            {
                seen = connection;
                connection.Counter!.Connect();
                await Task.Yield();
                throw new IOException("broken");
            }),
            Throws.InstanceOf<IOException>());

        Assert.That((seen?.End?.Reason, _anvil.Peek(new("smtp", range))), Is.EqualTo(((SessionEndReason?)SessionEndReason.Failed, new AnvilCounts(0, 1))));
        Assert.That(_log.Lines[^1], Does.Contain("disconnect from"));
    }
}
