namespace SmtpShield.Control.Banning;

/// <summary>What the kernel is to do with a prefix.</summary>
/// <param name="Prefix">Who.</param>
/// <param name="LeftS">For how many seconds more its new connections are dropped; 0: not at all.</param>
internal sealed record KernelBan(string Prefix, long LeftS)
{
    /// <summary>True: the shield made the ban itself; null: an operator did, or it is over.</summary>
    public bool? Auto { get; init; }
}
