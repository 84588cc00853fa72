using System.Diagnostics;
using SmtpShield.Host.Switching;
using SmtpShield.Upgrade;

namespace SmtpShield.Host;

/// <summary>
/// What a shield starts that is to hand over (<see cref="SuccessorProgram.Detach"/>): it starts the program once more with all it has itself, and ends.
/// </summary>
internal static class Detachment
{
    /// <summary>Whether this process is to do so.</summary>
    public static bool IsAsked => Environment.GetEnvironmentVariable(SuccessorProgram.Detach) is { Length: > 0 };

    /// <summary>Does so.</summary>
    /// <param name="arguments">The program's.</param>
    /// <returns>The exit status.</returns>
    public static int Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(OwnProgram.Words[0], [.. OwnProgram.Words.Skip(1), .. arguments]);
        start.Environment.Remove(SuccessorProgram.Detach);
        using var process = Process.Start(start);
        return process is null ? 1 : 0;
    }
}
