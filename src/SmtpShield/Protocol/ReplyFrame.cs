using System.Buffers;

namespace SmtpShield.Protocol;

/// <summary>A whole reply as it was received.</summary>
/// <param name="Code">The reply code, 200 to 599.</param>
/// <param name="Octets">All its lines with their ends.</param>
/// <param name="IsClean">Every line ends in CRLF and has no other CR and no NUL, so that it can be sent on as it is.</param>
internal readonly record struct ReplyFrame(int Code, ReadOnlySequence<byte> Octets, bool IsClean);
