namespace SmtpShield.Control.Events;

/// <summary>An event of the stream as all its readers get it.</summary>
/// <param name="Number">Its number, from 1 at the start of the program.</param>
/// <param name="Topic">What it is about.</param>
/// <param name="Text">Its lines, the empty one behind them included.</param>
internal readonly record struct EventFrame(long Number, StreamTopic Topic, byte[] Text);
