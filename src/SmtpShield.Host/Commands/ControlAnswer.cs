namespace SmtpShield.Host.Commands;

/// <summary>What a running shield has answered.</summary>
/// <param name="IsDone">Whether it has done what it was asked for; otherwise the text says why not.</param>
/// <param name="Text">The answer's JSON.</param>
internal readonly record struct ControlAnswer(bool IsDone, string Text);
