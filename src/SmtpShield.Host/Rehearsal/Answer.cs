namespace SmtpShield.Host.Rehearsal;

/// <summary>What a client of the rehearsal was told.</summary>
/// <param name="Code">The reply's code; 0: the connection is over.</param>
/// <param name="Text">All its lines, a line feed between two.</param>
internal readonly record struct Answer(int Code, string Text)
{
    /// <summary>The connection is over.</summary>
    public static Answer Closed { get; } = new(0, "connection closed");

    /// <summary>Whether an EHLO reply offers a keyword.</summary>
    public bool Offers(string keyword) => Text.Split('\n').Skip(1)
        .Any(line => line.Length > 4 && line[4..].Split(' ')[0].Equals(keyword, StringComparison.OrdinalIgnoreCase));
}
