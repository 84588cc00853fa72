namespace SmtpShield.PostfixConf;

/// <summary>Where a configuration value was written: a file and a line, an environment variable, or the command line.</summary>
/// <param name="Source">The file's path, or what takes its place in a message.</param>
/// <param name="Line">The line the logical line begins on, from 1; 0 when the source has no lines.</param>
public readonly record struct SourceLocation(string Source, int Line = 0)
{
    private const string EnvironmentVariable = "environment variable ";

    /// <summary>A built-in default.</summary>
    public static SourceLocation Default { get; } = new("built-in default");

    /// <summary>An <c>-o name=value</c> argument.</summary>
    public static SourceLocation CommandLine { get; } = new("command line option -o");

    /// <summary>An operator, while the shield runs.</summary>
    public static SourceLocation RunTime { get; } = new("set at run time");

    /// <summary>The variable of the environment that sets a parameter.</summary>
    public static SourceLocation Environment(string variable) => new($"{EnvironmentVariable}{variable}");

    /// <summary>In a word: <c>default</c>, <c>main.cf:14</c>, <c>environment</c>, <c>-o</c> or <c>runtime</c>.</summary>
    public string Origin => Line > 0 ? $"{Path.GetFileName(Source)}:{Line}" : this == Default ? "default" : this == CommandLine ? "-o"
        : this == RunTime ? "runtime" : Source.StartsWith(EnvironmentVariable, StringComparison.Ordinal) ? "environment" : Source;

    /// <summary>As Postfix writes it: <c>FILE, line N</c>.</summary>
    public override string ToString() => Line > 0 ? $"{Source}, line {Line}" : Source;
}
