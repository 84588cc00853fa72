using SmtpShield.FunctionalTests.Control;
using SmtpShield.Host.Commands;
using SmtpShield.Listening;
using SmtpShield.Testing;

namespace SmtpShield.FunctionalTests.Host;

/// <summary>
/// The page about rehearsals is typed, with its own main.cf: a limit that is wrong is named, with exit status 4, and one that is right passes all attacks.
/// </summary>
[TestFixture]
[CancelAfter(240_000)]
public sealed class RehearsePageTests
{
    private const string Page = "docs/tasks/rehearse.md";

    [Test]
    public async Task Page_Typed_PrintsWhatItShows(CancellationToken cancellationToken)
    {
        Assume.That(ProcessResources.OfThisProcess().Descriptors, Is.GreaterThan(17_500), "file descriptors (ulimit -n) for held-5000");
        var statuses = new List<int>();
        var path = Path.GetTempFileName();
        try
        {
            var page = Repository.Read(Page);
            await File.WriteAllTextAsync(path, page[page.IndexOf("shield_listen = ", StringComparison.Ordinal)..].Split("```")[0], cancellationToken);
            await PageTyper.TypeAsync(Page, TypeAsync, cancellationToken);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.That(statuses, Is.EqualTo([RehearseCommand.HitsNormalTraffic, 0]));

        async Task<string?> TypeAsync(string typed)
        {
            // There is no such mail server here: RehearseAgainstTests has one.
            if (typed.Contains("--against", StringComparison.Ordinal))
                return null;
            using var output = new StringWriter { NewLine = "\n" };
            statuses.Add(await RehearseCommand.Create().Parse(["-c", path, .. typed.Split(' ')[4..]])
                .InvokeAsync(new() { Output = output, Error = output }, cancellationToken));
            return output.ToString();
        }
    }
}
