using Microsoft.Extensions.Logging;

namespace SmtpShield.Clients;

/// <summary>Logs what was found out of a connection before its <c>connect from</c> line: it stands before that line, or is left out with it.</summary>
/// <param name="through">What the connection's lines go through, on their way to a logger.</param>
internal delegate void LogNote(Func<ILogger, ILogger> through);
