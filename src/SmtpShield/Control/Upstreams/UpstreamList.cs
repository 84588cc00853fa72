namespace SmtpShield.Control.Upstreams;

/// <summary>The answer of <c>/v1/upstreams</c>.</summary>
/// <param name="Upstreams">A destination and service each, in the order of the configuration.</param>
/// <param name="Truncated">Whether there are more than an answer has room for.</param>
/// <param name="Attention">What a person should look at, a sentence each.</param>
internal sealed record UpstreamList(IReadOnlyList<UpstreamReport> Upstreams, bool Truncated, IReadOnlyList<string> Attention);
