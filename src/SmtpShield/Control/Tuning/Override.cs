namespace SmtpShield.Control.Tuning;

/// <summary>A value an operator has set on the running shield.</summary>
/// <param name="Name">The parameter, as main.cf has it: <c>NAME</c>, or <c>submission/inet/NAME</c> for one service.</param>
/// <param name="Value">Its value, as written.</param>
/// <param name="Since">When it was set.</param>
/// <param name="Until">When it ends by itself; null: when somebody resets it.</param>
/// <param name="By">Who has set it.</param>
/// <param name="Why">Why, escaped; null: nobody has said.</param>
internal sealed record Override(string Name, string Value, DateTimeOffset Since, DateTimeOffset? Until, string By, string? Why)
{
    /// <summary>Whether its time is not over.</summary>
    public bool IsInForce(DateTimeOffset now) => Until is not { } until || now < until;
}
