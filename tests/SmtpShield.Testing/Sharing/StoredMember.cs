namespace SmtpShield.Testing.Sharing;

/// <summary>A shield as <see cref="InMemorySharedStore"/> knows it.</summary>
/// <param name="number">Its number.</param>
internal sealed class StoredMember(long number)
{
    /// <summary>Its number.</summary>
    public long Number => number;

    /// <summary>The number of its last call.</summary>
    public long Sequence { get; set; }

    /// <summary>How often it was asked for everything.</summary>
    public long Told { get; set; }

    /// <summary>What it has said of itself.</summary>
    public string Settings { get; set; } = "";
}
