using System.Net;
using System.Net.Sockets;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

/// <summary>With the host's own hosts file, and with name servers of the test's own.</summary>
[Platform("Linux")]
[CancelAfter(20_000)]
public class SystemNameResolverTests
{
    private string _directory = "";

    [SetUp]
    public void Create() => _directory = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void Remove() => Directory.Delete(_directory, recursive: true);

    [Test]
    public async Task NameOf_Loopback_IsTheFirstNameOfTheHostsFile(CancellationToken cancellationToken)
    {
        var first = File.ReadLines("/etc/hosts").Select(static line => line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .First(static words => words is ["127.0.0.1", _, ..]);

        Assert.That(await new SystemNameResolver(new(TimeProvider.System), TimeProvider.System).NameOfAsync(IPAddress.Loopback, cancellationToken),
            Is.EqualTo(new NameAnswer(first[1])));
    }

    [Test]
    public async Task AddressesOf_Localhost_AreThoseOfTheFamily(CancellationToken cancellationToken)
    {
        var answer = await new SystemNameResolver(new(TimeProvider.System), TimeProvider.System)
            .AddressesOfAsync("localhost", AddressFamily.InterNetwork, cancellationToken);

        Assert.That((answer.Addresses.Contains(IPAddress.Loopback), answer.Addresses.All(static address => address.AddressFamily == AddressFamily.InterNetwork),
            answer.Error), Is.EqualTo((true, true, "")));
    }

    [Test]
    public async Task NameOf_FromAServer_IsItsFirstName(CancellationToken cancellationToken)
    {
        using var server = new ScriptedNameServer(
            static (question, _) => ScriptedNameServer.Answer(question, "C00C000C00010000003C0010" + "026D78076578616D706C6503636F6D00"));

        Assert.That(await ResolverOf(server).NameOfAsync(IPAddress.Parse("192.0.2.7"), cancellationToken), Is.EqualTo(new NameAnswer("mx.example.com")));
    }

    [Test]
    public async Task AddressesOf_FromAServer_AreItsAddresses(CancellationToken cancellationToken)
    {
        using var server = new ScriptedNameServer(static (question, _) => ScriptedNameServer.Answer(question, "C00C000100010000003C0004C0000207"));

        Assert.That((await ResolverOf(server).AddressesOfAsync("mx.example.com", AddressFamily.InterNetwork, cancellationToken)).Addresses,
            Is.EqualTo(new[] { IPAddress.Parse("192.0.2.7") }));
    }

    [TestCase(3, "Name or service not known", false)]
    [TestCase(0, "No address associated with hostname", false)]
    [TestCase(2, "Temporary failure in name resolution", true)]
    [TestCase(5, "Temporary failure in name resolution", true)]
    public async Task AddressesOf_NameWithoutAny_SaysWhy(int code, string error, bool isTemporary, CancellationToken cancellationToken)
    {
        using var server = new ScriptedNameServer((question, _) => ScriptedNameServer.Refuse(question, (byte)code));
        var answer = await ResolverOf(server).AddressesOfAsync("mx.example.com", AddressFamily.InterNetworkV6, cancellationToken);

        Assert.That((answer.Addresses.Count, answer.Error, answer.IsTemporary), Is.EqualTo((0, error, isTemporary)));
        Assert.That(await ResolverOf(server).NameOfAsync(IPAddress.Parse("2001:db8::7"), cancellationToken), Is.EqualTo(new NameAnswer("", isTemporary)));
    }

    [Test]
    public async Task NameOf_ServerThatHasNone_AsksTheNext(CancellationToken cancellationToken)
    {
        using var server = new ScriptedNameServer(static (question, number) => number == 0
            ? ScriptedNameServer.Refuse(question, 2)
            : ScriptedNameServer.Answer(question, "C00C000C00010000003C0010" + "026D78076578616D706C6503636F6D00"));

        Assert.That(await ResolverOf(server).NameOfAsync(IPAddress.Parse("192.0.2.7"), cancellationToken), Is.EqualTo(new NameAnswer("mx.example.com")));
        Assert.That(server.Questions, Is.EqualTo(2));
    }

    [Test]
    public async Task NameOf_ForgedRepliesBefore_WaitsForTheOneToItsQuestion(CancellationToken cancellationToken)
    {
        using var server = new ScriptedNameServer(static (question, _) =>
        {
            byte[] forged = [.. ScriptedNameServer.Answer(question, "C00C000C00010000003C0010" + "026D79076578616D706C6503636F6D00")[0]];
            forged[0] ^= 1;
            return [[], forged, [.. question], .. ScriptedNameServer.Answer(question, "C00C000C00010000003C0010" + "026D78076578616D706C6503636F6D00")];
        });

        Assert.That(await ResolverOf(server).NameOfAsync(IPAddress.Parse("192.0.2.7"), cancellationToken), Is.EqualTo(new NameAnswer("mx.example.com")));
    }

    [Test]
    public async Task NameOf_TruncatedReply_IsAskedForByTcp(CancellationToken cancellationToken)
    {
        using var server = new ScriptedNameServer(static (question, _) => [[.. question[..2], 0x83, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, .. question[12..]]])
        {
            ByTcp = static question => ScriptedNameServer.Answer(question, "C00C000C00010000003C0010" + "026D78076578616D706C6503636F6D00")[0],
        };

        Assert.That(await ResolverOf(server).NameOfAsync(IPAddress.Parse("192.0.2.7"), cancellationToken), Is.EqualTo(new NameAnswer("mx.example.com")));
    }

    [Test]
    public async Task NameOf_NobodyListens_IsTemporary(CancellationToken cancellationToken)
    {
        var port = 0;
        using (var server = new ScriptedNameServer(static (_, _) => []))
            port = server.Port;

        Assert.That(await ResolverOf(port).NameOfAsync(IPAddress.Parse("192.0.2.7"), cancellationToken), Is.EqualTo(new NameAnswer("", IsTemporary: true)));
    }

    // The clock stands still: nothing but the caller ends the wait.
    [Test]
    public void NameOf_ServerThatNeverAnswers_EndsWhenItIsToldTo(CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var server = new ScriptedNameServer((_, _) =>
        {
            end.Cancel();
            return [];
        });
        var time = new FakeTimeProvider();

        Assert.That(async () => await ResolverOf(server.Port, time).NameOfAsync(IPAddress.Parse("192.0.2.7"), end.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That((time.ActiveTimers, cancellationToken.IsCancellationRequested), Is.EqualTo((0, false)));
    }

    private SystemNameResolver ResolverOf(ScriptedNameServer server) => ResolverOf(server.Port);

    private SystemNameResolver ResolverOf(int port, TimeProvider? time = null)
    {
        File.WriteAllText(Path.Combine(_directory, "resolv.conf"), "nameserver 127.0.0.1\n");
        return new(new(TimeProvider.System, _directory), time ?? TimeProvider.System, port);
    }
}
