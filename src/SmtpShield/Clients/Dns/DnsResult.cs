namespace SmtpShield.Clients.Dns;

/// <summary>What a name server made of a question (RFC 1035, RFC 2308).</summary>
internal enum DnsResult
{
    /// <summary>It failed or refuses to answer: another one may do better.</summary>
    Failed,

    /// <summary>There are records of the type.</summary>
    Found,

    /// <summary>The name has no record of the type.</summary>
    NoRecord,

    /// <summary>There is no such name.</summary>
    NoName,

    /// <summary>The answer is longer than a datagram: ask again by TCP.</summary>
    Truncated,
}
