using System.Runtime.Versioning;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Tests.PostfixConf.Files;

[TestFixture, Platform(Exclude = "Win"), UnsupportedOSPlatform("windows")]
public sealed class FileReplacementTests
{
    private string _directory = "";

    private string FilePath => Path.Combine(_directory, "main.cf");

    [SetUp]
    public void MakeFile()
    {
        _directory = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(FilePath, "old");
    }

    [TearDown]
    public void RemoveDirectory() => Directory.Delete(_directory, recursive: true);

    [Test]
    public void TryChange_File_KeepsItsModeAndLeavesNothingBehind()
    {
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.SetUnixFileMode(FilePath, mode);
        Assert.That(FileReplacement.TryChange(FilePath, _ => "new"u8.ToArray()), Is.Empty);
        Assert.That((File.ReadAllText(FilePath), File.GetUnixFileMode(FilePath)), Is.EqualTo(("new", mode)));
        Assert.That(Directory.GetFiles(_directory), Has.Length.EqualTo(1));
    }

    [Test]
    public void TryChange_SymbolicLink_StaysALink()
    {
        var link = Path.Combine(_directory, "link");
        File.CreateSymbolicLink(link, FilePath);
        Assert.That(FileReplacement.TryChange(link, _ => "new"u8.ToArray()), Is.Empty);
        Assert.That((File.ReadAllText(FilePath), new FileInfo(link).LinkTarget), Is.EqualTo(("new", FilePath)));
    }

    [Test]
    public void TryChange_ChangedBySomeoneElseMeanwhile_BeginsAnew()
    {
        var calls = 0;
        var failure = FileReplacement.TryChange(FilePath, content =>
        {
            if (calls++ == 0)
                File.WriteAllText(FilePath, "theirs");
            return [.. content, (byte)'+'];
        });
        Assert.That((failure, File.ReadAllText(FilePath)), Is.EqualTo(("", "theirs+")));
    }

    [Test]
    public void TryChange_MissingFile_SaysSo() =>
        Assert.That(FileReplacement.TryChange("/nonexistent/main.cf", content => content),
            Is.EqualTo("open /nonexistent/main.cf for reading: No such file or directory"));
}
