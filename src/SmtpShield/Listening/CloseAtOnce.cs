namespace SmtpShield.Listening;

/// <summary>A feature of a connection whose client is not worth waiting for: <see cref="CloseReadably"/> does not.</summary>
internal sealed class CloseAtOnce
{
    private CloseAtOnce()
    {
    }

    /// <summary>The one there is.</summary>
    public static CloseAtOnce Instance { get; } = new();
}
