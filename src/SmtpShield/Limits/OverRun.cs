namespace SmtpShield.Limits;

/// <summary>Since when a limit refuses a client what it does, without a moment between in which it would have let something through.</summary>
/// <param name="Rule">The limit's place in <see cref="ClientLimits.All"/>.</param>
/// <param name="Since">The second of the first refusal, in the table's seconds.</param>
/// <param name="End">
/// Of a limit on a rate the second in which it lets something through again, if nothing comes before; of that on open connections, below how many it does.
/// 0: it is over.
/// </param>
internal readonly record struct OverRun(byte Rule, int Since, int End)
{
    /// <summary>The limit.</summary>
    public ClientLimit Limit => ClientLimits.All[Rule];

    /// <summary>Whether it has lasted into a second in which the limit refuses something. The end of one on open connections is told.</summary>
    public bool IsUnbroken(int second) => End > 0 && (Limit.IsOnOpenConnections || second < End);
}
