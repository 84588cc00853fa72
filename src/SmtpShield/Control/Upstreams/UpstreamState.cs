namespace SmtpShield.Control.Upstreams;

/// <summary>States of a destination that mean something to those who read them.</summary>
internal static class UpstreamState
{
    /// <summary>It gets sessions.</summary>
    public const string Up = "up";

    /// <summary>It has enough to do; it serves.</summary>
    public const string Busy = "busy";
}
