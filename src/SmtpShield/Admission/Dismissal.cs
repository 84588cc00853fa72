using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>What a client is told that may not go on with its session, asked at each command; null: it may. So a session knows no bans.</summary>
internal delegate Reply? Dismissal(ClientConnection connection);
