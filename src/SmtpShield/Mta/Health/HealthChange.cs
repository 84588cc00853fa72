namespace SmtpShield.Mta.Health;

/// <summary>What has become of a destination.</summary>
internal enum HealthChange : byte
{
    /// <summary>Nothing that concerns anybody.</summary>
    None,

    /// <summary>It is down from now on.</summary>
    Down,

    /// <summary>It was down, and is not any more.</summary>
    Back,
}
