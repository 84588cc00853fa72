using System.Collections;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Options.Binding;

/// <summary>
/// The problems of one reading of the configuration. What is wrong in one value is often seen again in those that refer to it: each text is kept once, and of
/// very many the first ones.
/// </summary>
internal sealed class ProblemList : ICollection<ConfigurationProblem>
{
    // More than anybody reads; the first error is always among them.
    private const int MaxProblems = 1000;

    private readonly List<ConfigurationProblem> _problems = [];
    private readonly HashSet<(ProblemSeverity, string, string)> _texts = [];

    /// <inheritdoc/>
    public int Count => _problems.Count;

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <summary>Whether an error is among them.</summary>
    public bool HasErrors { get; private set; }

    /// <inheritdoc/>
    public void Add(ConfigurationProblem item)
    {
        if (_problems.Count >= MaxProblems && (HasErrors || item.Severity != ProblemSeverity.Error))
            return;
        // "mynetworks: bad mask …" and "smtpd_client_event_limit_exceptions: bad mask …" are one mistake.
        var prefix = item.Parameter + ": ";
        var text = item.Parameter.Length > 0 && item.Message.StartsWith(prefix, StringComparison.Ordinal) ? item.Message[prefix.Length..] : item.Message;
        // What one service has of its own is a mistake of its own.
        var owner = ServiceParameter.TryParse(item.Parameter, out _) ? item.Parameter : "";
        if (!_texts.Add((item.Severity, owner, text)))
            return;
        _texts.Add((item.Severity, "", text));
        _problems.Add(item);
        HasErrors |= item.Severity == ProblemSeverity.Error;
    }

    /// <summary>Adds several.</summary>
    public void AddRange(IEnumerable<ConfigurationProblem> items)
    {
        foreach (var item in items)
            Add(item);
    }

    /// <inheritdoc/>
    public void Clear()
    {
        _problems.Clear();
        _texts.Clear();
        HasErrors = false;
    }

    /// <inheritdoc/>
    public bool Contains(ConfigurationProblem item) => _problems.Contains(item);

    /// <inheritdoc/>
    public void CopyTo(ConfigurationProblem[] array, int arrayIndex) => _problems.CopyTo(array, arrayIndex);

    /// <inheritdoc/>
    public bool Remove(ConfigurationProblem item) => _problems.Remove(item);

    /// <inheritdoc/>
    public IEnumerator<ConfigurationProblem> GetEnumerator() => _problems.GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
