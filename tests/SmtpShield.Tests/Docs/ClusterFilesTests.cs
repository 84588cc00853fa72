using System.Text.RegularExpressions;
using SmtpShield.Options.Parameters;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>
/// What <c>deploy/cluster</c> has for containers, which tests have none of. That its files do what the page says is shown without: <c>ClusterStoryTests</c>.
/// </summary>
public sealed partial class ClusterFilesTests
{
    private static string Compose => Repository.Read("deploy/cluster/compose.yaml");

    [Test]
    public void Compose_FilesItMounts_AreThereOrMadeByThePage()
    {
        var files = Mounted().Matches(Compose).Select(static match => match.Groups[1].Value).Distinct().ToList();
        Assert.That(files, Has.Member("main.cf").And.Member("haproxy.cfg").And.Member("redis.conf"));
        Assert.That(files.Where(static file => !file.StartsWith("run/", StringComparison.Ordinal)).Select(static file => $"deploy/cluster/{file}"),
            Is.All.Matches<string>(static file => File.Exists(Repository.PathOf(file!))));
        Assert.That(files.Where(static file => file.StartsWith("run/", StringComparison.Ordinal)),
            Is.All.Matches<string>(static file => Repository.Read("deploy/cluster/README.md").Contains($" > {file}\n", StringComparison.Ordinal)));
    }

    [TestCase("compose.yaml")]
    [TestCase("on-loopback.sh")]
    public void Environment_OfTheShields_NamesParameters(string file) => Assert.That(
        Variable().Matches(Repository.Read($"deploy/cluster/{file}")).Select(static match => match.Groups[1].Value.ToLowerInvariant()).Distinct(),
        Is.Not.Empty.And.All.Matches<string>(static name => ParameterDefaults.Options.ContainsKey(name!)));

    [Test]
    public void Compose_VariablesOfHAProxy_AreAllSet() => Assert.That(
        Used().Matches(Repository.Read("deploy/cluster/haproxy.cfg")).Select(static match => match.Groups[1].Value),
        Is.Not.Empty.And.All.Matches<string>(static name => Compose.Contains($" {name}: \"", StringComparison.Ordinal)));

    [GeneratedRegex(@"\./([\w/.]+):")]
    private static partial Regex Mounted();

    [GeneratedRegex(@"SMTPSHIELD_(\w+)")]
    private static partial Regex Variable();

    [GeneratedRegex(@"\$\{(\w+)\}")]
    private static partial Regex Used();
}
