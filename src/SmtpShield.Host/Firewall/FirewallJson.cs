using System.Text.Json.Serialization;
using SmtpShield.Control;

namespace SmtpShield.Host.Firewall;

/// <summary>The JSON of what a command finds out itself, in the form of the API's.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(KernelComparison))]
internal sealed partial class FirewallJson : JsonSerializerContext;
