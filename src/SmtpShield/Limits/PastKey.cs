using SmtpShield.Clients;

namespace SmtpShield.Limits;

/// <summary>Where a client's past is.</summary>
/// <param name="Client">The client.</param>
/// <param name="Service">Its service's number.</param>
/// <param name="Hash">Of both; its low bits choose the shard.</param>
internal readonly record struct PastKey(ClientRange Client, byte Service, uint Hash);
