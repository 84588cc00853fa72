using System.Text.Json.Serialization;
using SmtpShield.Control.Admin;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Exempt;
using SmtpShield.Control.Tuning;

namespace SmtpShield.Control;

/// <summary>The JSON of requests, in which an unknown field is an error: a misspelt one must not be taken for one that was left out.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ChangeRequest))]
[JsonSerializable(typeof(ReleaseRequest))]
[JsonSerializable(typeof(ExemptionRequest))]
[JsonSerializable(typeof(BanRequest))]
[JsonSerializable(typeof(FirewallReport))]
[JsonSerializable(typeof(ParameterRequest))]
[JsonSerializable(typeof(ParametersRequest))]
[JsonSerializable(typeof(ResetRequest))]
[JsonSerializable(typeof(LoginRequest))]
internal sealed partial class RequestJson : JsonSerializerContext;
