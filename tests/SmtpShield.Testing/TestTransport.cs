using SmtpShield.Options;

namespace SmtpShield.Testing;

/// <summary>
/// The <c>shield_transport</c> of the shields in tests: the environment's <c>SMTPSHIELD_TEST_TRANSPORT</c>, <c>auto</c> without. So all tests can be run with
/// each.
/// </summary>
internal static class TestTransport
{
    /// <summary>As written in main.cf.</summary>
    public static string Name { get; } = Environment.GetEnvironmentVariable("SMTPSHIELD_TEST_TRANSPORT") is { Length: > 0 } name ? name : "auto";

    /// <summary>As an option.</summary>
    public static TransportChoice Choice { get; } = Enum.Parse<TransportChoice>(Name, ignoreCase: true);
}
