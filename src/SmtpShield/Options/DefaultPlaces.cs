namespace SmtpShield.Options;

/// <summary>Where the shield's files are unless it is said otherwise: as hier(7) has it; on Windows below <c>%ProgramData%\SmtpShield</c>.</summary>
internal static class DefaultPlaces
{
    private static readonly string s_programData =
        OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "SmtpShield") : "";

    /// <summary>The configuration.</summary>
    public static string Configuration { get; } = s_programData.Length > 0 ? Path.Combine(s_programData, "main.cf") : "/etc/smtpshield/main.cf";

    /// <summary>What holds while the shield runs, and is for others to see.</summary>
    public static string RunDirectory { get; } = s_programData.Length > 0 ? Path.Combine(s_programData, "run")
        : OperatingSystem.IsMacOS() ? "/var/run/smtpshield" : "/run/smtpshield";

    /// <summary>The socket of <c>shield_control_socket</c>.</summary>
    public static string ControlSocket { get; } = s_programData.Length > 0 ? Path.Combine(RunDirectory, "control.sock") : RunDirectory + "/control.sock";

    /// <summary>The directory of <c>shield_state_directory</c>.</summary>
    public static string StateDirectory { get; } = s_programData.Length > 0 ? Path.Combine(s_programData, "state") : "/var/lib/smtpshield";
}
