using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.MainCf;
using SmtpShield.PostfixConf.MasterCf;

namespace SmtpShield.Host.Import;

/// <summary>Postfix's two configuration files.</summary>
/// <param name="Directory">The configuration directory, in full.</param>
/// <param name="Main">main.cf.</param>
/// <param name="Master">master.cf; without services where only a main.cf was named and none is beside it.</param>
internal sealed record PostfixFiles(string Directory, MainCfFile Main, MasterCfFile Master)
{
    /// <summary>Reads the files.</summary>
    /// <param name="path">The configuration directory, or its main.cf.</param>
    public static PostfixFiles Read(string path)
    {
        var isFile = File.Exists(path);
        var directory = isFile ? Path.GetDirectoryName(Path.GetFullPath(path))! : path;
        var main = MainCfFile.Read(isFile ? path : Path.Combine(path, "main.cf"));
        var masterPath = Path.Combine(isFile ? Path.GetDirectoryName(path)! : path, "master.cf");
        var master = isFile && !File.Exists(masterPath) ? new MasterCfFile(masterPath, [], []) : MasterCfFile.Read(masterPath);
        return new PostfixFiles(Path.GetFullPath(directory), main, master);
    }

    /// <summary>What is wrong with the files, main.cf first.</summary>
    public IEnumerable<ConfigurationProblem> Problems => [.. Main.Problems.Select(AddRemedy), .. Master.Problems.Select(AddRemedy)];

    // A file that could not be opened has no line.
    private static ConfigurationProblem AddRemedy(ConfigurationProblem problem) => problem switch
    {
        { Severity: not ProblemSeverity.Error } or { Hint.Length: > 0 } => problem,
        _ when problem.Message.EndsWith("Permission denied", StringComparison.Ordinal) => problem with { Hint = "run the command as root" },
        _ when problem.Message.EndsWith("master.cf: No such file or directory", StringComparison.Ordinal) =>
            problem with { Hint = "name the main.cf itself to import only that" },
        _ => problem with { Hint = "name Postfix's configuration directory, the one postconf -h config_directory prints" },
    };
}
