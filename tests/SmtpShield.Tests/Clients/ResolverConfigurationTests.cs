using System.Net;
using System.Net.Sockets;
using SmtpShield.Clients;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Clients;

public class ResolverConfigurationTests
{
    [TestCase("", "127.0.0.1")]
    [TestCase("# none\nsearch example.com\noptions edns0\n", "127.0.0.1")]
    [TestCase("nameserver 192.0.2.1\n", "192.0.2.1")]
    [TestCase("  nameserver\t192.0.2.1 # the first\nnameserver 2001:db8::1;x\n", "192.0.2.1 2001:db8::1")]
    [TestCase("nameserver 192.0.2.1\nnameserver x\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n", "192.0.2.1 192.0.2.2 192.0.2.3")]
    public void Read_NameServers_AreTheFirstThree(string text, string servers) => Assert.That(string.Join(' ', Read(text).Servers), Is.EqualTo(servers));

    [TestCase("", true, true)]
    [TestCase("passwd: files\n", true, true)]
    [TestCase("hosts:          files dns\n", true, true)]
    [TestCase("hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname\n", true, true)]
    [TestCase("hosts: files resolve [!UNAVAIL=return]\n", true, true)]
    [TestCase("hosts: files # dns\n", true, false)]
    [TestCase("hosts: dns\n", false, true)]
    public void Read_Nsswitch_SaysWhatIsAsked(string text, bool asksFiles, bool asksDns)
    {
        var configuration = Read("nameserver 192.0.2.1\n", text, "192.0.2.7 mx.example.com\n");

        Assert.That((configuration.Hosts.NameOf(IPAddress.Parse("192.0.2.7")).Length > 0, configuration.Servers.Count > 0), Is.EqualTo((asksFiles, asksDns)));
    }

    [TestCase("192.0.2.7 mx.example.com mx\n", "mx.example.com")]
    [TestCase("192.0.2.7\tmx.example.com#x\n", "mx.example.com")]
    [TestCase("192.0.2.7 first\n192.0.2.7 second\n", "first")]
    [TestCase("::ffff:192.0.2.7 mapped\n", "mapped")]
    [TestCase("192.0.2.7\n# 192.0.2.7 x\nnonsense x\n", "")]
    public void Hosts_Address_HasTheNameOfItsFirstLine(string text, string name) =>
        Assert.That(Read(hosts: text).Hosts.NameOf(IPAddress.Parse("192.0.2.7")), Is.EqualTo(name));

    [TestCase("mx", AddressFamily.InterNetwork, "192.0.2.7 192.0.2.8")]
    [TestCase("MX.Example.com", AddressFamily.InterNetworkV6, "2001:db8::7")]
    [TestCase("none", AddressFamily.InterNetwork, "")]
    public void Hosts_Name_HasTheAddressesOfAllItsLines(string name, AddressFamily family, string addresses) => Assert.That(
        string.Join(' ', Read(hosts: "192.0.2.7 mx.example.com mx\n2001:db8::7 mx.example.com\n192.0.2.8 mx\n").Hosts.AddressesOf(name, family)),
        Is.EqualTo(addresses));

    // As on Windows, which has no such file, and no time at which it was changed.
    [Test]
    public void Current_ServersOfTheSystem_AreAskedForAgainAfterAWhile()
    {
        var time = new FakeTimeProvider();
        var server = "192.0.2.1";
        var files = new ResolverFiles(time, "/nonexistent", () => [$"nameserver {server}"]);
        Assert.That(files.Current.Servers, Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        server = "192.0.2.2";
        time.Advance(ResolverFiles.Interval);

        Assert.That(files.Current.Servers, Is.EqualTo(new[] { IPAddress.Parse("192.0.2.2") }));
    }

    // .NET reads resolv.conf for it.
    [Test, Platform("Linux")]
    public void NameServersOfInterfaces_AreLinesOfResolvConf() =>
        Assert.That(ResolverFiles.NameServersOfInterfaces(), Is.All.Match("^nameserver [0-9a-f.:%]+$"));

    [Test]
    public void Current_FileThatChanges_IsReadAgainAfterAWhile()
    {
        var directory = Directory.CreateTempSubdirectory().FullName;
        try
        {
            var time = new FakeTimeProvider();
            var files = new ResolverFiles(time, directory);
            Assert.That(files.Current.Servers, Is.EqualTo(new[] { IPAddress.Loopback }), "no file");
            File.WriteAllText(Path.Combine(directory, "resolv.conf.new"), "nameserver 192.0.2.1\n");
            File.CreateSymbolicLink(Path.Combine(directory, "resolv.conf"), "resolv.conf.new");
            Assert.That(files.Current.Servers, Is.EqualTo(new[] { IPAddress.Loopback }), "too early");
            time.Advance(ResolverFiles.Interval);

            Assert.That(files.Current.Servers, Is.EqualTo(new[] { IPAddress.Parse("192.0.2.1") }));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static ResolverConfiguration Read(string resolvConf = "", string nsswitch = "", string hosts = "") =>
        ResolverConfiguration.Read(resolvConf.Split('\n'), nsswitch.Split('\n'), hosts.Split('\n'));
}
