using SmtpShield.Clients;

namespace SmtpShield.Session;

/// <summary>An immutable picture of a session, for those who are not its loop: it may be a step old, and is consistent in itself.</summary>
/// <param name="Number">Which session, counted from the program's start.</param>
/// <param name="Service">The service the client has connected to.</param>
/// <param name="Client">Who the client is.</param>
/// <param name="IsTls">Whether the shield speaks TLS with it.</param>
/// <param name="Standing">Where it stands.</param>
internal sealed record SessionView(long Number, string Service, ClientIdentity Client, bool IsTls, SessionStanding Standing);
