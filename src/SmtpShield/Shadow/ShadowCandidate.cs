using SmtpShield.Clients;

namespace SmtpShield.Shadow;

/// <summary>A client that delivers mail and that a rule would have hit.</summary>
/// <param name="Client">Who.</param>
/// <param name="Name">Its name; <c>unknown</c>: none is known.</param>
/// <param name="Rule">The rule's place in <see cref="Options.ShadowRules.All"/>.</param>
/// <param name="Most">The most that was counted.</param>
/// <param name="Hits">How often it would have been hit.</param>
/// <param name="Windows">In how many windows.</param>
/// <param name="MessagesAfter">Messages that were accepted behind a hit.</param>
internal sealed record ShadowCandidate(ClientRange Client, string Name, int Rule, int Most, long Hits, long Windows, long MessagesAfter);
