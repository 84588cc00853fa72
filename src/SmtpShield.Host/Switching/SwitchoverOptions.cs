namespace SmtpShield.Host.Switching;

/// <summary>How Postfix's place is taken.</summary>
/// <param name="Target">The shield's main.cf, in full.</param>
/// <param name="User">Who the shield runs as.</param>
/// <param name="Start">The command that starts the shield, now and at each boot; it returns when it runs.</param>
/// <param name="Stop">The command that undoes <paramref name="Start"/>.</param>
/// <param name="Wait">How long each thing that has to come about may take.</param>
internal sealed record SwitchoverOptions(string Target, string User, string Start, string Stop, TimeSpan Wait)
{
    /// <summary>The unit of deploy/systemd, now and at each boot.</summary>
    public const string SystemdStart = "systemctl enable --now smtpshield";

    /// <summary>The opposite.</summary>
    public const string SystemdStop = "systemctl disable --now smtpshield";

    /// <summary>The user of deploy/systemd.</summary>
    public const string SystemdUser = "smtpshield";
}
