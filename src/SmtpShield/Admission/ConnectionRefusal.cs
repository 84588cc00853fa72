using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>A connection is one too many.</summary>
/// <param name="Rule">Of which limit: the name of its parameter.</param>
/// <param name="Subject">The same, in the words of Postfix's log line.</param>
/// <param name="Count">The number above it.</param>
/// <param name="Reply">What the client gets in place of the greeting, if it is told.</param>
internal sealed record ConnectionRefusal(string Rule, string Subject, int Count, Reply Reply);
