namespace SmtpShield.Protocol;

/// <summary>What is to be known of one command: a row of the <see cref="VerbTable"/>.</summary>
/// <param name="Verb">The command.</param>
/// <param name="Name">Its name in log lines, as in <c>lost connection after RCPT</c>; at most eight letters.</param>
/// <param name="Flags">What holds of it whatever its argument is.</param>
/// <param name="Kept">Which of its words are kept.</param>
/// <param name="Label">What stands before the address, <c>FROM:</c> or <c>TO:</c>; null: it has none.</param>
/// <param name="Keyword">
/// The EHLO keyword that offers it (RFC 5321 section 2.2.1), so that <c>smtpd_discard_ehlo_keywords</c> can switch it off; null: none, or not what decides.
/// </param>
internal sealed record VerbRow(Verb Verb, string Name, VerbFlags Flags, KeptWords Kept = KeptWords.None, string? Label = null, string? Keyword = null)
{
    /// <summary>Its name in the statistics of the <c>disconnect from</c> line.</summary>
    public string StatisticsName { get; } = Name.ToLowerInvariant();

    /// <summary>The label as it is sent; empty: it has none.</summary>
    public ReadOnlyMemory<byte> LabelOctets { get; } = Label is null ? default : System.Text.Encoding.ASCII.GetBytes(Label);
}
