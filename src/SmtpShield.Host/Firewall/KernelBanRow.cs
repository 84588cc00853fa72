namespace SmtpShield.Host.Firewall;

/// <summary>A prefix that the kernel drops, or should.</summary>
/// <param name="Prefix">Who.</param>
/// <param name="Until">Until when it is to be dropped by the shield's list; null: it is not on it.</param>
/// <param name="KernelUntil">Until when the kernel drops it; null: it does not, or it is in <paramref name="Within"/>.</param>
/// <param name="Within">The network in the kernel that it is in, which the kernel takes no narrower one beside; null: none.</param>
/// <param name="Difference">What is not as it should be; null: nothing.</param>
internal sealed record KernelBanRow(string Prefix, DateTimeOffset? Until, DateTimeOffset? KernelUntil, string? Within, string? Difference);
