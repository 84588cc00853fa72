using System.Reflection;
using System.Text.RegularExpressions;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.Protocol;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Architecture;

/// <summary>Folders are concepts, and which may use which is decided: what nobody checks grows into a circle.</summary>
public partial class DependencyTests
{
    private static readonly Dictionary<string, string[]> _mayUse = new()
    {
        ["Control"] =
        [
            "Bans", "Baseline", "Session", "Admission", "Shadow", "Mta", "Limits", "Clients", "Protocol", "Tls", "Metrics", "Observe", "Listening", "Hosting",
            "Transport", "State", "Options", "Upgrade",
        ],
        ["Upgrade"] = ["State", "Listening", "Hosting", "Transport", "Options"],
        ["Bans"] =
        [
            "State", "Admission", "Shadow", "Mta", "Limits", "Clients", "Protocol", "Metrics", "Observe", "Listening", "Transport", "Options",
        ],
        ["Session"] =
        [
            "Admission", "Shadow", "Mta", "Throttling", "Limits", "Clients", "Tls", "Metrics", "Observe", "Listening", "Hosting", "Transport", "Options",
            "Protocol",
        ],
        ["Admission"] = ["Shadow", "Throttling", "Limits", "Clients", "Tls", "Metrics", "Observe", "Listening", "Transport", "Options", "Protocol"],
        ["Baseline"] = ["State", "Limits", "Clients", "Options"],
        ["Shadow"] = ["State", "Limits", "Clients", "Metrics", "Options"],
        ["Throttling"] = ["Limits", "Options"],
        ["Mta"] = ["State", "Limits", "Clients", "Tls", "Metrics", "Transport", "Options", "Protocol"],
        ["Limits"] = ["State", "Clients", "Options", "Protocol"],
        ["Tls"] = ["Clients", "Observe", "Hosting", "Transport", "Options"],
        ["Clients"] = ["State", "Observe", "Listening", "Options", "Protocol"],
        ["Metrics"] = ["Observe", "Protocol"],
        ["Observe"] = ["Hosting", "Options", "Protocol"],
        ["Listening"] = ["Hosting", "Transport", "Options"],
        ["State"] = ["Options"],
        ["Hosting"] = ["Options"],
        ["Transport"] = [],
        ["Protocol"] = [],
        ["Options"] = [],
    };

    // Who may use Postfix's configuration language: those that read it, and those that are told what it said.
    private static readonly string[] _mayUsePostfixConf = ["Options", "State", "Clients", "Tls", "Observe", "Control", "Bans"];

    // Which of its folders uses which; what stands in the project's own folder, all may use.
    private static readonly Dictionary<string, string[]> _mayUseOfPostfixConf = new()
    {
        [""] = [],
        ["Files"] = [],
        ["Values"] = [],
        ["Parameters"] = [],
        ["Expansion"] = [],
        ["Editing"] = [],
        ["Lists"] = [],
        ["MainCf"] = ["Files"],
        ["MasterCf"] = ["Files", "MainCf"],
        ["Patterns"] = ["Files", "Values", "MainCf", "Lists"],
    };

    private static IEnumerable<string> Folders => _mayUse.Keys;

    private static IEnumerable<string> PostfixConfFolders => _mayUseOfPostfixConf.Keys;

    [TestCaseSource(nameof(Folders))]
    public void Sources_OfAFolder_NameOnlyWhatItMayUse(string folder) => Assert.That(UsedInSources(folder).Except(Allowed(folder)), Is.Empty);

    [TestCaseSource(nameof(Folders))]
    public void Types_OfAFolder_AreMadeOnlyOfWhatItMayUse(string folder) => Assert.That(UsedInTypes(folder).Except(Allowed(folder)), Is.Empty);

    [TestCaseSource(nameof(Folders))]
    public void MayUse_OfAFolder_IsWhatItUses(string folder) =>
        Assert.That(_mayUse[folder].Except(UsedInSources(folder)).Except(UsedInTypes(folder)), Is.Empty, "No longer used: take it out of the table.");

    [Test]
    public void Folders_OfTheLibrary_AreThoseOfTheTable() => Assert.That(
        Directory.GetDirectories(Library).Select(Path.GetFileName).Except(["bin", "obj"]), Is.EquivalentTo(Folders));

    [Test]
    public void MayUse_FromEveryFolder_LeadsNeverBack()
    {
        var uses = Folders.ToDictionary(folder => folder, folder => Allowed(folder).Where(used => used != folder).ToHashSet());
        for (var i = 0; i < uses.Count; i++)
        {
            foreach (var reached in uses.Values)
                reached.UnionWith(reached.SelectMany(used => uses[used]).ToArray());
        }

        Assert.That(uses.Where(reached => reached.Value.Contains(reached.Key)).Select(reached => reached.Key), Is.Empty);
    }

    [Test]
    public void PostfixConf_References_NeitherAspNetNorTheShieldNorAPackage() => Assert.That(
        typeof(MainCfFile).Assembly.GetReferencedAssemblies().Select(reference => reference.Name!)
            .Where(name => !name.StartsWith("System.", StringComparison.Ordinal)),
        Is.SubsetOf(["Microsoft.Win32.Primitives"]));

    [Test]
    public void ProjectOfPostfixConf_References_Nothing() => Assert.That(
        File.ReadAllText(Path.Combine(PostfixConf, "SmtpShield.PostfixConf.csproj")), Does.Not.Match("<(Project|Package|Framework)?Reference "));

    [Test]
    public void Sources_OfPostfixConf_NameNothingOfTheShields() => Assert.That(
        Sources(PostfixConf).Where(file => OfTheShield().IsMatch(Code(file)) || Code(file).Contains("Microsoft.Extensions", StringComparison.Ordinal))
            .Select(Path.GetFileName), Is.Empty);

    [Test]
    public void Folders_OfTheLibraryThatUsePostfixConf_AreThoseThatMay() => Assert.That(
        Folders.Where(folder => Sources(Path.Combine(Library, folder)).Any(file => Code(file).Contains("SmtpShield.PostfixConf", StringComparison.Ordinal))),
        Is.EquivalentTo(_mayUsePostfixConf));

    [TestCaseSource(nameof(PostfixConfFolders))]
    public void Sources_OfAFolderOfPostfixConf_UseWhatItMay(string folder) => Assert.That(
        Sources(Path.Combine(PostfixConf, folder), folder.Length > 0 ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly)
            .SelectMany(file => UsingOfPostfixConf().Matches(Code(file))).Select(match => match.Groups[1].Value).Distinct(),
        Is.EquivalentTo(_mayUseOfPostfixConf[folder]));

    [Test]
    public void Folders_OfPostfixConf_AreThoseOfTheTableAndLeadNeverBack()
    {
        Assert.That(Directory.GetDirectories(PostfixConf).Select(Path.GetFileName).Except(["bin", "obj"]),
            Is.EquivalentTo(PostfixConfFolders.Where(folder => folder.Length > 0)));
        var below = new HashSet<string>();
        while (_mayUseOfPostfixConf.Where(folder => !below.Contains(folder.Key) && folder.Value.All(below.Contains)).Select(folder => folder.Key)
            .ToList() is { Count: > 0 } next)
        {
            below.UnionWith(next);
        }
        Assert.That(below, Is.EquivalentTo(PostfixConfFolders));
    }

    [Test]
    public void Sources_OfPostfixConf_AreInTheirNamespaces() => Assert.That(
        Sources(PostfixConf).Where(file => NamespaceDeclaration().Match(File.ReadAllText(file)).Groups[1].Value
            != ("SmtpShield.PostfixConf." + Path.GetRelativePath(PostfixConf, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.'))
                .TrimEnd('.')),
        Is.Empty);

    [Test]
    public void Sources_OutsideTheEpollTransport_AreSafe() => Assert.That(
        Sources(Path.Combine(Library, "..")).Where(file => !file.StartsWith(Path.Combine(Library, "Transport", "Epoll"), StringComparison.Ordinal))
            .Where(file => Regex.IsMatch(Code(file), @"\b(unsafe|fixed|LibraryImport)\b")).Select(Path.GetFileName),
        Is.Empty);

    [TestCase("Yarp")]
    [TestCase("Polly")]
    public void Sources_OutsideMta_KnowNothingOf(string package) => Assert.That(
        Sources(Path.Combine(Library, "..")).Where(file => !file.StartsWith(Path.Combine(Library, "Mta"), StringComparison.Ordinal))
            .Where(file => Regex.IsMatch(Code(file), $@"\b{package}\b")).Select(Path.GetFileName),
        Is.Empty);

    [TestCase("Microsoft")]
    [TestCase("System.Net")]
    [TestCase("System.IO")]
    [TestCase("TimeProvider")]
    public void Sources_OfProtocol_KnowNothingOf(string name) => Assert.That(
        Sources(Path.Combine(Library, "Protocol")).Where(file => Regex.IsMatch(Code(file), $@"\b{Regex.Escape(name)}\b")).Select(Path.GetFileName), Is.Empty);

    [Test]
    public void Sources_OfAFolder_AreInItsNamespace() => Assert.That(
        Folders.SelectMany(folder => Sources(Path.Combine(Library, folder)).Where(file =>
            NamespaceDeclaration().Match(File.ReadAllText(file)).Groups[1].Value != "SmtpShield." + Path.GetRelativePath(Library, Path.GetDirectoryName(file)!)
                .Replace(Path.DirectorySeparatorChar, '.'))),
        Is.Empty);

    private static string Library => Path.Combine(Repository.Root, "src", "SmtpShield");

    private static string PostfixConf => Path.GetFullPath(Path.Combine(Library, "..", "SmtpShield.PostfixConf"));

    private static IEnumerable<string> Allowed(string folder) =>
        [folder, .. _mayUse[folder]];

    private static IEnumerable<string> Sources(string directory, SearchOption depth = SearchOption.AllDirectories) =>
        Directory.EnumerateFiles(Path.GetFullPath(directory), "*.cs", depth)
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));

    private static string Code(string file) => CommentOrString().Replace(File.ReadAllText(file), "");

    // A using, a full name, or a name that starts at the enclosing namespace, as Telemetry.ClientText does; a member of that name stands behind a dot.
    private static HashSet<string> UsedInSources(string folder)
    {
        var folders = string.Join('|', Folders);
        var name = new Regex($@"(?:\bSmtpShield\.|(?<![\w.]))({folders})\.[A-Z]|\busing (?:static )?SmtpShield\.({folders})\b");
        return [.. Sources(Path.Combine(Library, folder)).SelectMany(file => name.Matches(Code(file)))
            .Select(match => match.Groups[1].Value + match.Groups[2].Value)];
    }

    private static HashSet<string> UsedInTypes(string folder)
    {
        const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        var used = new HashSet<string>();
        foreach (var type in typeof(Verb).Assembly.GetTypes().Where(type => FolderOf(type) == folder))
        {
            Note(type.BaseType);
            foreach (var other in type.GetInterfaces())
                Note(other);
            foreach (var field in type.GetFields(All))
                Note(field.FieldType);
            foreach (var property in type.GetProperties(All))
                Note(property.PropertyType);
            foreach (var method in type.GetMethods(All))
                Note(method.ReturnType);
            foreach (var method in type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)))
            {
                foreach (var parameter in method.GetParameters())
                    Note(parameter.ParameterType);
            }
        }

        return used;

        void Note(Type? type)
        {
            if (type is null)
                return;
            if (type.HasElementType)
                Note(type.GetElementType());
            foreach (var argument in type.GetGenericArguments().Where(argument => !argument.IsGenericParameter))
                Note(argument);
            if (FolderOf(type) is { } other)
                used.Add(other);
        }
    }

    private static string? FolderOf(Type type) =>
        type.Assembly == typeof(Verb).Assembly && type.Namespace?.Split('.') is ["SmtpShield", var folder, ..] ? folder : null;

    [GeneratedRegex(@"\bSmtpShield\.(?!PostfixConf\b)")]
    private static partial Regex OfTheShield();

    [GeneratedRegex(@"\busing (?:static )?SmtpShield\.PostfixConf\.?(\w*)")]
    private static partial Regex UsingOfPostfixConf();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/|""(?:[^""\\\n]|\\.)*""", RegexOptions.Singleline)]
    private static partial Regex CommentOrString();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();
}
