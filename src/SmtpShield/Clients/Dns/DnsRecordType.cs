namespace SmtpShield.Clients.Dns;

/// <summary>Types of records that are asked for or followed (RFC 1035 section 3.2.2, RFC 3596).</summary>
internal enum DnsRecordType : ushort
{
    /// <summary>An IPv4 address.</summary>
    A = 1,

    /// <summary>The name is another one's.</summary>
    Cname = 5,

    /// <summary>The name of an address.</summary>
    Ptr = 12,

    /// <summary>An IPv6 address.</summary>
    Aaaa = 28,
}
