using System.CommandLine;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield run</c>: the proxy.</summary>
internal static class RunCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create() => new("run", "Runs the proxy.");
}
