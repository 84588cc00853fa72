namespace SmtpShield.Host.Import;

/// <summary>An edit of master.cf, as postconf(1) makes it.</summary>
/// <param name="Option">The option of postconf(1): <c>-M</c>, or <c>-M#</c> to comment a service out.</param>
/// <param name="Parts">Its argument, in the parts it is printed in.</param>
internal sealed record MasterCfEdit(string Option, IReadOnlyList<string> Parts)
{
    /// <summary>The argument.</summary>
    public string Argument => string.Concat(Parts);
}
