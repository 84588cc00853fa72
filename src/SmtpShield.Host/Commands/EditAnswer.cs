using SmtpShield.Options;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.Tls;

namespace SmtpShield.Host.Commands;

/// <summary>
/// What <c>postconf -e</c>, <c>-X</c> and <c>-#</c> say behind an edit: what will not be in force, and whether the running shield has taken the file over.
/// </summary>
/// <param name="statePath">Where a running shield says so (<see cref="ConfigurationStateFile"/>).</param>
/// <param name="time">The clock.</param>
/// <param name="patience">How long the running shield is waited for.</param>
internal sealed class EditAnswer(string statePath, TimeProvider time, TimeSpan patience)
{
    /// <summary>What is enough: a shield reads a saved file within a second.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Checks the edited file as <c>smtpshield check</c> does, then waits for the running shield.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">The <c>-o</c> arguments.</param>
    /// <param name="names">The names that were edited: warnings are about these only, errors about any, since one refuses the whole file.</param>
    /// <param name="error">Where it is said.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The exit status: 1 when the edit is not in force in the running shield, or would not be in the next one.</returns>
    public async Task<int> GiveAsync(string path, string[] overrides, IReadOnlyCollection<string> names, TextWriter error, CancellationToken cancellationToken)
    {
        var isValid = Check(path, overrides, names, error);
        var digest = MainCfFile.Read(path).Digest;
        var begun = time.GetTimestamp();
        while (true)
        {
            var state = ConfigurationStateFile.Read(statePath);
            if (state?.Configuration == Path.GetFullPath(path) && state.Digest == digest)
                return Tell(state, names, error);
            if (time.GetElapsedTime(begun) < patience && (state is not null || File.Exists(statePath)))
            {
                await Task.Delay(Interval, time, cancellationToken);
                continue;
            }

            await error.WriteLineAsync(state?.Configuration == Path.GetFullPath(path)
                ? $"postconf: not in force: the running shield has not read {path} within {patience.TotalSeconds} s; see its log"
                : $"postconf: no running shield is known that reads {path}: {(isValid ? "the next start does" : "the next start would fail")}");
            return isValid && state?.Configuration != Path.GetFullPath(path) ? 0 : 1;
        }
    }

    private static bool Check(string path, string[] overrides, IReadOnlyCollection<string> names, TextWriter error)
    {
        // Environment variables belong to the process that runs, not to this one.
        var result = new ShieldConfiguration(path, overrides, new Dictionary<string, string>(), HostFacts.Local()).Read();
        List<ConfigurationProblem> problems = [.. result.Problems];
        if (result.Options is { } valid)
            problems.AddRange(valid.Services.Values.SelectMany(service => CertificateStore.ProblemsOf(service.Tls, TimeProvider.System)).Distinct());
        foreach (var problem in problems.Where(
            problem => problem.Severity == ProblemSeverity.Error || (problem.Severity == ProblemSeverity.Warning && names.Contains(problem.Parameter))))
        {
            error.WriteLine($"postconf: {(problem.Severity == ProblemSeverity.Error ? "error" : "warning")}: {problem}");
        }
        foreach (var note in problems.Where(problem => problem.Severity == ProblemSeverity.Note && names.Contains(problem.Parameter)))
            error.WriteLine($"postconf: warning: {note}");
        return problems.TrueForAll(problem => problem.Severity != ProblemSeverity.Error);
    }

    private static int Tell(ConfigurationState state, IReadOnlyCollection<string> names, TextWriter error)
    {
        if (!state.IsInForce)
        {
            error.WriteLine("postconf: not in force: the running shield keeps its earlier configuration");
            foreach (var remark in state.Remarks)
                error.WriteLine($"postconf: the running shield: {remark}");
            return 1;
        }

        var inVain = names.Intersect(state.Remarks).ToList();
        foreach (var name in inVain)
            error.WriteLine($"postconf: {name}: not in force: the running shield has it from -o, its environment or limits set");
        if (inVain.Count < names.Count)
            error.WriteLine(
                state.NeedsRestart
                    ? "postconf: in force, but for a parameter that is read at start only, which takes effect after a restart"
                    : "postconf: in force");
        return inVain.Count > 0 ? 1 : 0;
    }
}
