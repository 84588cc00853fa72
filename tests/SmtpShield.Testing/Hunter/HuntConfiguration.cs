using SmtpShield.Options;

namespace SmtpShield.Testing.Hunter;

/// <summary>Options a hunted session runs under; the model reads what it expects from them.</summary>
/// <param name="Name">What is special about them.</param>
/// <param name="Smtpd">How sessions are held.</param>
/// <param name="Limits">What is limited.</param>
/// <param name="HasStrictMta">Whether the MTA refuses MAIL and RCPT where Postfix does, for their form or their place.</param>
/// <param name="OffersTls">Whether the shield answers STARTTLS itself; otherwise it is passed on.</param>
internal sealed record HuntConfiguration(string Name, SmtpdOptions Smtpd, SmtpdLimitOptions Limits, bool HasStrictMta = false, bool OffersTls = false)
{
    private static readonly SmtpdOptions s_open = new() { MyHostname = "mail.example.com", ForbidUnauthPipelining = false };

    private static readonly SmtpdLimitOptions s_wide = new()
    {
        ErrorSleepTime = TimeSpan.Zero,
        SoftErrorLimit = 1000,
        HardErrorLimit = 1000,
        JunkCommandLimit = 1000,
        ClientConnectionCountLimit = 0,
    };

    /// <summary>All of them. A seed's configuration is its number modulo their count.</summary>
    public static IReadOnlyList<HuntConfiguration> All { get; } =
    [
        new("wide open", s_open, s_wide),
        new("as by default", s_open with { ForbidUnauthPipelining = true }, s_wide with { SoftErrorLimit = 10, HardErrorLimit = 20, JunkCommandLimit = 100 }),
        new("rates", s_open,
            s_wide with { ClientMessageRateLimit = 2, ClientRecipientRateLimit = 4, ClientAuthRateLimit = 1, RecipientLimit = 3, RecipientOvershootLimit = 2 }),
        new("few errors", s_open,
            s_wide with { SoftErrorLimit = 2, HardErrorLimit = 4, JunkCommandLimit = 3, RecipientLimit = 2, RecipientOvershootLimit = 1 }),
        new("CRLF only, short lines", s_open with { AcceptLfCommands = false, LineLengthLimit = 512 }, s_wide with { ClientAuthFailureRateLimit = 1 }),
        new("bare newlines rejected", s_open with { ForbidBareNewline = BareNewlinePolicy.Reject },
            s_wide with { HardErrorLimit = 20, ClientErrorRateLimit = 3 }),
        new("no chunking, HELO required", s_open with { Chunking = false, HeloRequired = true },
            s_wide with { ClientRecipientRateLimit = 3 }, HasStrictMta: true),
        new(
            "strict and few",
            s_open with { ForbidUnauthPipelining = true },
            s_wide with { ClientMessageRateLimit = 1, RecipientLimit = 2, HardErrorLimit = 6, SoftErrorLimit = 3, ClientErrorRateLimit = 4 },
            HasStrictMta: true),
    ];

    /// <summary>Those and others, for sessions that cost no time: with delays, and with TLS.</summary>
    public static IReadOnlyList<HuntConfiguration> InMemory { get; } =
    [
        .. All,
        new("delays", s_open, s_wide with { ErrorSleepTime = TimeSpan.FromSeconds(1), SoftErrorLimit = 2, HardErrorLimit = 8, JunkCommandLimit = 3 }),
        new("TLS", s_open, s_wide with { ClientAuthFailureRateLimit = 2, ClientMessageRateLimit = 3 }, OffersTls: true),
        new(
            "TLS, strict and few",
            s_open with { ForbidUnauthPipelining = true },
            s_wide with { ErrorSleepTime = TimeSpan.FromSeconds(1), SoftErrorLimit = 3, HardErrorLimit = 8, ClientErrorRateLimit = 6,
                ClientRecipientRateLimit = 3 },
            HasStrictMta: true,
            OffersTls: true),
    ];
}
