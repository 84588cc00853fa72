namespace SmtpShield.Tests.Hunter;

/// <summary>How a client's writes are cut beyond its plan.</summary>
internal enum Splitting
{
    /// <summary>Not at all.</summary>
    Whole,

    /// <summary>Anywhere.</summary>
    Random,

    /// <summary>Behind every octet, unless a write is long.</summary>
    Bytewise,
}
