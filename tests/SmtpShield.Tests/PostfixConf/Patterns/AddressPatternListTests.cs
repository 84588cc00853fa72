using System.Net;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Patterns;

namespace SmtpShield.Tests.PostfixConf.Patterns;

[TestFixture]
public sealed class AddressPatternListTests
{
    private string _directory = "";

    [SetUp]
    public void MakeDirectory() => _directory = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    private static bool Matches(string list, string address, string hostname = "unknown") =>
        AddressPatternList.Parse(list).Matches(IPAddress.Parse(address), hostname);

    private string File(string content)
    {
        var path = Path.Combine(_directory, Guid.NewGuid().ToString("N"));
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    [TestCase("192.0.2.0/24", "192.0.2.255", true)]
    [TestCase("192.0.2.0/24", "192.0.3.0", false)]
    [TestCase("192.0.2.7", "192.0.2.7", true)]
    [TestCase("192.0.2.7", "192.0.2.8", false)]
    [TestCase("[192.0.2.7]", "192.0.2.7", true)]
    [TestCase("0.0.0.0/0", "203.0.113.1", true)]
    [TestCase("0.0.0.0/0", "2001:db8::1", false)]
    [TestCase("[2001:db8::]/32", "2001:db8:ffff::1", true)]
    [TestCase("[2001:db8::]/32", "2001:db9::", false)]
    [TestCase("[2001:db8::/32]", "2001:db8::1", true)]
    [TestCase("[2001:db8::1]", "2001:db8:0:0::1", true)]
    [TestCase("[::]/0", "2001:db8::1", true)]
    [TestCase("[::]/0", "192.0.2.1", false)]
    public void Matches_AddressOrRange_ComparesBits(string list, string address, bool expected) => Assert.That(Matches(list, address), Is.EqualTo(expected));

    [TestCase("127.0.0.0/8", "::ffff:127.0.0.1", true)]
    [TestCase("[::ffff:127.0.0.0]/104", "127.0.0.1", true)]
    [TestCase("[::ffff:127.0.0.0]/104", "::ffff:127.1.2.3", true)]
    [TestCase("[::ffff:127.0.0.0]/104", "128.0.0.1", false)]
    [TestCase("[::ffff:0:0]/96", "203.0.113.9", true)]
    public void Matches_MappedAddress_CountsAsIPv4(string list, string address, bool expected) => Assert.That(Matches(list, address), Is.EqualTo(expected));

    [TestCase("!192.0.2.9, 192.0.2.0/24", "192.0.2.9", false)]
    [TestCase("!192.0.2.9, 192.0.2.0/24", "192.0.2.8", true)]
    [TestCase("192.0.2.0/24 !192.0.2.9", "192.0.2.9", true)]
    [TestCase("!!192.0.2.9", "192.0.2.9", true)]
    [TestCase("!192.0.2.9", "192.0.2.8", false)]
    [TestCase(" ,\n 10.0.0.1\t,192.0.2.9", "192.0.2.9", true)]
    [TestCase("static:all", "192.0.2.9", true)]
    [TestCase("!192.0.2.9 static:all", "192.0.2.9", false)]
    [TestCase("", "192.0.2.9", false)]
    public void Matches_SeveralElements_FirstMatchDecides(string list, string address, bool expected) =>
        Assert.That(Matches(list, address), Is.EqualTo(expected));

    [TestCase("mail.example.com", "mail.example.com", true)]
    [TestCase("Mail.Example.com", "mAIL.example.COM", true)]
    [TestCase("mail.example.com", "a.mail.example.com", false)]
    [TestCase(".example.com", "mail.example.com", true)]
    [TestCase(".example.com", "example.com", false)]
    [TestCase(".example.com", ".example.com", false)]
    [TestCase(".example.com", "mailexample.com", false)]
    [TestCase("example.com", "unknown", false)]
    public void Matches_HostName_NeedsTheDotForSubdomains(string list, string hostname, bool expected) =>
        Assert.That(Matches(list, "192.0.2.1", hostname), Is.EqualTo(expected));

    [TestCase("cidr:{{192.0.2.0/24 OK}}", "192.0.2.1", true)]
    [TestCase("cidr:{{192.0.2.0/24 OK}, {2001:db8::/32 OK}}", "2001:db8::1", true)]
    [TestCase("cidr:{ {!192.0.2.0/24 OK} }", "192.0.2.1", false)]
    [TestCase("cidr:{ {!192.0.2.0/24 OK} }", "192.0.3.1", true)]
    [TestCase("cidr:{ {!192.0.2.0/24 OK} }", "2001:db8::1", false)]
    [TestCase("!cidr:{{192.0.2.1 OK}} static:all", "192.0.2.1", false)]
    [TestCase("cidr:{{192.0.2.1 OK}} 192.0.2.2", "192.0.2.2", true)]
    public void Matches_InlineCidrTable_AsksWhetherAddressIsFound(string list, string address, bool expected) =>
        Assert.That(Matches(list, address), Is.EqualTo(expected));

    [TestCase("10.1.0.1", true)]
    [TestCase("10.2.0.1", false)]
    [TestCase("11.1.0.1", false)]
    [TestCase("12.0.0.1", true)]
    [TestCase("2001:db8::1", true)]
    public void Matches_CidrFileWithIf_SkipsTheBlockThatDoesNotHold(string address, bool expected)
    {
        var path = File("# comment\nif 10.0.0.0/8\n10.1.0.0/16\n   yes\n11.0.0.0/8 never\nendif\nIF !10.0.0.0/8\n12.0.0.0/8 yes\nENDIF\n2001:db8::/32 yes\n");
        Assert.That(Matches($"cidr:{path}", address), Is.EqualTo(expected));
    }

    [TestCase("10.0.0.9", "unknown", true)]
    [TestCase("10.0.1.9", "unknown", false)]
    [TestCase("192.0.2.1", "unknown", true)]
    [TestCase("192.0.2.2", "a.example.com", true)]
    public void Matches_File_IsReadInPlaceOfTheElement(string address, string hostname, bool expected)
    {
        var inner = File(".example.com");
        var path = File($"# comment\n10.0.0.0/24,\n  !10.0.0.0/8\n192.0.2.1 {inner}\n");
        Assert.That(Matches($"{path} 10.0.1.9", address, hostname), Is.EqualTo(expected));
    }

    [Test]
    public void Matches_NegatedFile_NegatesEachElement() => Assert.That(Matches($"!{File("10.0.0.1 !10.0.0.2")} static:all", "10.0.0.1"), Is.False);

    [TestCase("192.0.2.1/24", "non-null host address bits in \"192.0.2.1/24\", perhaps you should use \"192.0.2.0/24\" instead")]
    [TestCase("[2001:db8::1]/32", "non-null host address bits in \"2001:db8::1/32\", perhaps you should use \"2001:db8::/32\" instead")]
    [TestCase("cidr:{{192.0.2.1/24 OK}}", "perhaps you should use \"192.0.2.0/24\" instead")]
    [TestCase("192.0.2.0/33", "bad mask length in \"192.0.2.0/33\"")]
    [TestCase("192.0.2.0/x", "bad mask value in \"192.0.2.0/x\"")]
    [TestCase("192.0.2/24", "bad network value in \"192.0.2/24\"")]
    [TestCase("192.0.2", "bad address pattern: \"192.0.2\"")]
    [TestCase("010.0.0.1", "bad address pattern: \"010.0.0.1\"")]
    [TestCase("[2001:db8::1", "missing ']' character after \"[2001:db8::1\"")]
    [TestCase("[2001:db8::1]x", "garbage after \"[2001:db8::1]\"")]
    [TestCase("2001:db8::/32", "an IPv6 address must be in brackets: [2001:db8::]/32")]
    [TestCase("hash:/etc/x", "unsupported dictionary type: hash")]
    [TestCase("cidr:x", "bad table name: \"cidr:x\"")]
    [TestCase("!", "no pattern after '!'")]
    [TestCase("a_b!c", "bad address pattern: \"a_b!c\"")]
    [TestCase("/nonexistent/list", "open /nonexistent/list: No such file or directory")]
    [TestCase("cidr:{{192.0.2.0/24}}", "no lookup result")]
    [TestCase("cidr:{{endif}}", "ENDIF without IF")]
    [TestCase("cidr:{{if 10.0.0.0/8}}", "IF has no matching ENDIF")]
    public void Parse_WrongElement_SaysWhatIsWrongAndWhatIsRight(string list, string expected) =>
        Assert.That(() => AddressPatternList.Parse(list), Throws.TypeOf<FormatException>().With.Message.Contains(expected));

    [Test]
    public void Parse_SeveralErrors_NamesEachWithFileAndLine()
    {
        var path = File("10.0.0.0/8\n10.0.0.1/8\nhash:x\n");
        Assert.That(() => AddressPatternList.Parse(path),
            Throws.TypeOf<FormatException>().With.Message.Contains($"{path}, line 2:").And.Message.Contains($"{path}, line 3:"));
    }

    [Test]
    public void Parse_FileThatNamesItself_IsAnError()
    {
        var path = File("");
        System.IO.File.WriteAllText(path, path);
        Assert.That(() => AddressPatternList.Parse(path), Throws.TypeOf<FormatException>().With.Message.Contains("names itself"));
    }

    [Test]
    public void Matches_AnyClient_AllocatesNothing()
    {
        var list = AddressPatternList.Parse("!192.0.2.9 .example.com [2001:db8::]/32 cidr:{{10.0.0.0/8 x}} 192.0.2.0/24");
        var (ipv6, mapped) = (IPAddress.Parse("2001:db9::1"), IPAddress.Parse("::ffff:192.0.3.1"));
        list.Matches(ipv6, "host.example.org");
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            _ = list.Matches(ipv6, "host.example.org") || list.Matches(mapped, "unknown");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test, CancelAfter(20000)]
    public void Parse_RandomText_GivesListOrFormatException()
    {
        const string alphabet = "!/[]{}:. ,\n0129afcidr#-x";
        var random = new Random(2);
        var (lists, refused) = (0, 0);
        for (var i = 0; i < 20000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(30)).Select(_ => alphabet[random.Next(alphabet.Length)])]);
            // A path of the random text may exist; its content is then random, too.
            try
            {
                AddressPatternList.Parse(text).Matches(IPAddress.Loopback, "localhost");
                lists++;
            }
            catch (FormatException)
            {
                refused++;
            }
        }

        Assert.That(new[] { lists, refused }, Has.All.GreaterThan(0));
    }

    [TestCase("192.0.2.1-192.0.2.9", true)]
    [TestCase("192.0.2.0-255", true)]
    [TestCase("!192.0.2.0-255", true)]
    [TestCase("192.0.2.1_9", true)]
    [TestCase("192-0-2-1.example.com", false)]
    [TestCase("host-1", false)]
    [TestCase(".example.com", false)]
    [TestCase("192.0.2.0/24", false)]
    public void Parse_RangeThatIsReadAsAName_IsWarnedOf(string item, bool isWarned)
    {
        var problems = new List<ConfigurationProblem>();
        AddressPatternListParser.Parse(item, "mynetworks", new SourceLocation("main.cf", 1), problems, new());

        Assert.That(problems.Select(problem => $"{problem.Severity}: {problem}"), Is.EqualTo(isWarned
            ? [$"Warning: main.cf, line 1: mynetworks: {item.TrimStart('!')} is read as a host name, "
                + "which no client has (write a range as network/length: 192.0.2.0/24)"] : Array.Empty<string>()));
    }
}
