namespace SmtpShield.Limits;

/// <summary>Whether a login may go to the MTA now.</summary>
internal enum LoginTurn : byte
{
    /// <summary>It may; it is under way until <see cref="ClientCounter.EndLogin"/>.</summary>
    Begun,

    /// <summary>Those the MTA is working on may use the budget up: it may when one of them is answered.</summary>
    Wait,

    /// <summary>The budget is spent.</summary>
    Spent,
}
