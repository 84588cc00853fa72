namespace SmtpShield.Mta.Stress;

/// <summary>How hard pressed an MTA is.</summary>
internal enum StressLevel : byte
{
    /// <summary>It is as always.</summary>
    None,

    /// <summary>Sessions with it are used sparingly: late dialing for new clients, and what a client does not need is given back.</summary>
    Pressed,

    /// <summary>Besides, new sessions get the <c>$stress</c> values, and it gets fewer sessions if they are what presses it.</summary>
    Stressed,
}
