using System.Text.Json.Serialization;
using SmtpShield.Control.Admin;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Events;
using SmtpShield.Control.Exempt;
using SmtpShield.Control.InShadow;
using SmtpShield.Control.Series;
using SmtpShield.Control.Status;
using SmtpShield.Control.Suggestions;
using SmtpShield.Control.Tuning;
using SmtpShield.Control.Upgrading;
using SmtpShield.Control.Upstreams;

namespace SmtpShield.Control;

/// <summary>The API's JSON: <c>limit_in_force</c> for a name of two words, nothing for what is not known. Everything but printable ASCII is escaped.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, Converters = [typeof(UtcTimeConverter)])]
[JsonSerializable(typeof(ShieldStatus))]
[JsonSerializable(typeof(UpstreamList))]
[JsonSerializable(typeof(ClientList))]
[JsonSerializable(typeof(ClientExplanation))]
[JsonSerializable(typeof(ReleaseReport))]
[JsonSerializable(typeof(ExemptionList))]
[JsonSerializable(typeof(BanList))]
[JsonSerializable(typeof(BanReport))]
[JsonSerializable(typeof(KernelBans))]
[JsonSerializable(typeof(ChangeList))]
[JsonSerializable(typeof(SeriesList))]
[JsonSerializable(typeof(SessionReport))]
[JsonSerializable(typeof(Change))]
[JsonSerializable(typeof(ClientStreamEvent))]
[JsonSerializable(typeof(LogEvent))]
[JsonSerializable(typeof(StressEvent))]
[JsonSerializable(typeof(UpstreamEvent))]
[JsonSerializable(typeof(StatsEvent))]
[JsonSerializable(typeof(MoreEvents))]
[JsonSerializable(typeof(EventGap))]
[JsonSerializable(typeof(ShadowReport))]
[JsonSerializable(typeof(SuggestionReport))]
[JsonSerializable(typeof(ParameterList))]
[JsonSerializable(typeof(ParameterChanges))]
[JsonSerializable(typeof(ConfigurationReport))]
[JsonSerializable(typeof(UpgradeReport))]
[JsonSerializable(typeof(ProblemReport))]
internal sealed partial class ControlJson : JsonSerializerContext;
