namespace SmtpShield.Control;

/// <summary>States of a destination that mean something to those who read them.</summary>
internal static class UpstreamState
{
    /// <summary>It gets sessions.</summary>
    public const string Up = "up";

    /// <summary>It is passed over.</summary>
    public const string Down = "down";
}
