using System.Security.Authentication;

namespace SmtpShield.Tls;

/// <summary>What a handshake agreed on, in the words of Postfix's log lines.</summary>
internal sealed record TlsFacts
{
    /// <summary>The version: <c>TLSv1.2</c> or <c>TLSv1.3</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>The cipher under OpenSSL's name, as in <c>TLS_AES_256_GCM_SHA384</c> or <c>ECDHE-RSA-AES256-GCM-SHA384</c>.</summary>
    public required string Cipher { get; init; }

    /// <summary>Bits of the cipher's key that are secret.</summary>
    public required int UsedBits { get; init; }

    /// <summary>Bits of the cipher's key.</summary>
    public required int TotalBits { get; init; }

    /// <summary>How keys were exchanged, as in <c>X25519</c> or <c>ECDHE (prime256v1)</c>; null where Postfix names nothing.</summary>
    public string? KeyExchange { get; init; }

    /// <summary>The kind of the server's key, as in <c>RSA-PSS (2048 bits)</c>; null where Postfix names nothing.</summary>
    public string? ServerSignature { get; init; }

    /// <summary>
    /// The name the client asked for, if it selected the certificate: a name out of the configuration's domains, valid as a host name, lower case. Null
    /// otherwise.
    /// </summary>
    public string? ServerName { get; init; }

    /// <summary>Whether an earlier session was resumed, so that nobody computed a signature.</summary>
    public bool IsResumed { get; init; }

    /// <summary>The version in Postfix's words.</summary>
    public static string NameOf(SslProtocols protocol) => protocol switch
    {
        SslProtocols.Tls13 => "TLSv1.3",
        SslProtocols.Tls12 => "TLSv1.2",
        _ => $"{protocol}",
    };

    /// <summary>The facts as Postfix writes them behind <c>TLS connection established from NAME[ADDRESS]: </c>.</summary>
    public override string ToString() =>
        $"{Protocol} with cipher {Cipher} ({UsedBits}/{TotalBits} "
            + $"bits){(KeyExchange is null ? "" : $" key-exchange {KeyExchange}")}{(ServerSignature is null ? "" : $" server-signature {ServerSignature}")}";
}
