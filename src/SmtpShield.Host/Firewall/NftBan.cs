using System.Net;

namespace SmtpShield.Host.Firewall;

/// <summary>A prefix whose new connections the kernel drops.</summary>
/// <param name="Prefix">Who.</param>
/// <param name="Seconds">For how long, above 0.</param>
internal readonly record struct NftBan(IPNetwork Prefix, long Seconds);
