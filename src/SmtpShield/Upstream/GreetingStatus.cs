namespace SmtpShield.Upstream;

/// <summary>What reading the greeting came to.</summary>
internal enum GreetingStatus
{
    /// <summary>No complete reply yet.</summary>
    NeedMore,

    /// <summary>One complete reply.</summary>
    Complete,

    /// <summary>Not a reply, or one beyond the bounds.</summary>
    Malformed,
}
