namespace SmtpShield.Control.Upstreams;

/// <summary>What can be done with a destination. The names are the last part of the path.</summary>
internal enum UpstreamAction
{
    /// <summary>No new sessions; those that are there leave it as soon as they can.</summary>
    Drain,

    /// <summary>Sessions again, and what was held against it is forgotten.</summary>
    Ready,

    /// <summary>Looks at it now.</summary>
    Probe,
}
