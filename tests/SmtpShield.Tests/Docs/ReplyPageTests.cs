using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Limits;
using SmtpShield.Protocol;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Docs;

/// <summary>docs/reference/replies.md has every reply the shield gives itself, word for word, and no others.</summary>
[TestFixture]
public sealed partial class ReplyPageTests
{
    private static readonly string[] s_page = File.ReadAllLines(Repository.PathOf("docs/reference/replies.md"));

    private static readonly string[] s_replies = [.. Replies().Concat(ClientLimits.All.Select(limit => limit.Text("HOST", "ADDRESS"))).Distinct()];

    private static IEnumerable<string> Texts => s_replies;

    [TestCaseSource(nameof(Texts))]
    public void Page_HasTheReply(string text) => Assert.That(s_page.Any(line => line.StartsWith($"| `{text}` |", StringComparison.Ordinal)), Is.True);

    [Test]
    public void Page_HasNoOtherReplies() =>
        Assert.That(s_page.Select(line => Row().Match(line)).Where(row => row.Success).Select(row => row.Groups["text"].Value).Distinct(),
            Is.EquivalentTo(s_replies));

    private static IEnumerable<string> Replies()
    {
        const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
        foreach (var property in typeof(Replies).GetProperties(Any))
            yield return TextOf(property.GetValue(null)!);
        foreach (var method in typeof(Replies).GetMethods(Any).Where(method => method.ReturnType == typeof(Reply) && !method.IsSpecialName))
            yield return TextOf(
                method.Invoke(null, [.. method.GetParameters().Select(parameter => (object)(parameter.Name == "myHostname" ? "HOST" : "ADDRESS"))])!);
    }

    private static string TextOf(object reply) => Encoding.ASCII.GetString(((Reply)reply).Octets.Span).TrimEnd();

    [GeneratedRegex(@"^\| `(?<text>[245]\d\d [^`]*)` \|")]
    private static partial Regex Row();
}
