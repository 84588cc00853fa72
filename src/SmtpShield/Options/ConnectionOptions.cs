namespace SmtpShield.Options;

/// <summary>
/// The options one connection goes by. Whether <c>$stress</c> is set is decided once, when it begins, as for a Postfix process;
/// who serves the connection has no other way to a value, so nobody counts by one and judges by another.
/// </summary>
/// <param name="service">The service the client has connected to.</param>
/// <param name="isUnderStress">Whether the service is under stress now; the connection then is so to its end.</param>
public sealed class ConnectionOptions(ShieldService service, bool isUnderStress)
{
    /// <summary>The service's name, as in <c>for service smtp</c>.</summary>
    public string Service => service.Name;

    /// <summary>What was in force when the connection began.</summary>
    public ShieldOptions AtStart { get; } = service.When(isUnderStress);

    /// <summary>The newest limits: they are tuned under attack, so connections that are there obey them too.</summary>
    public SmtpdLimitOptions Limits => service.When(isUnderStress).Limits;

    /// <summary>All of what is in force now: for who judges bans, which are made and lifted meanwhile.</summary>
    public ShieldOptions Newest => service.When(isUnderStress);

    /// <summary>The newest limits that are judged in shadow; null: none.</summary>
    public ShadowLimits? InShadow => service.When(isUnderStress).InShadow;

    /// <summary>Whether what the client does is counted also where no limit is on it; the newest, as <see cref="Limits"/>.</summary>
    public bool IsObserved => service.When(isUnderStress).Anvil.Observe;

    /// <summary>Events a minute that are logged of the client and each kind; the newest, as <see cref="Limits"/>.</summary>
    public int LogClientLimit => service.When(isUnderStress).Log.ClientLimit;
}
