using SmtpShield.Limits;
using SmtpShield.Limits.Shared;

namespace SmtpShield.Admission;

/// <summary>A handshake that was counted, and is to be judged.</summary>
/// <param name="Counter">Whose.</param>
/// <param name="Count">New TLS sessions of the client in the window, this one included.</param>
/// <param name="Others">What it is to wait for, if other shields are to be heard first; null: nothing.</param>
internal readonly record struct CountedHandshake(ClientCounter Counter, int Count, SharedWait? Others);
