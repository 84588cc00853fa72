using SmtpShield.Protocol;

namespace SmtpShield.Mta.Learned;

/// <summary>What may be said to a client in the MTA's place, because the MTA has said it lately to somebody like this client.</summary>
/// <param name="Greeting">The greeting, code 220: complete lines.</param>
/// <param name="Offer">What it offers, before the shield takes from it what it can't follow.</param>
internal sealed record MtaPromise(ReadOnlyMemory<byte> Greeting, EhloOffer Offer);
