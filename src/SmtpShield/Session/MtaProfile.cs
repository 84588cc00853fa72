using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>What an MTA has promised in this session, in its greeting and in its reply to EHLO, or is known to promise.</summary>
/// <param name="OffersChunking">CHUNKING, and the client was told so: it knows that octets follow a BDAT command.</param>
/// <param name="OmitsEnhancedCodes">No ENHANCEDSTATUSCODES: the shield's own replies have none either.</param>
/// <param name="DeniesAccess">Its greeting refused the session: only QUIT may follow (RFC 5321 section 3.1).</param>
/// <param name="IsLockStep">It lacks PIPELINING, which the client was told it has.</param>
/// <param name="Offer">What it offers in reply to EHLO, or is known to; null as long as nobody has said EHLO.</param>
internal readonly record struct MtaProfile(bool OffersChunking, bool OmitsEnhancedCodes, bool DeniesAccess, bool IsLockStep, EhloOffer? Offer);
