namespace SmtpShield.Limits;

/// <summary>Is told of what happened to a client.</summary>
/// <param name="key">The client.</param>
/// <param name="noted">What happened.</param>
internal delegate void ClientNoted(in AnvilKey key, in ClientEvent noted);
