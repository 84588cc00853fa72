namespace SmtpShield.Control.Clients;

/// <summary>How many clients are limited.</summary>
/// <param name="Total">Records of clients a limit refuses what they do next; a client of two services may be two.</param>
/// <param name="ByRule">How many each limit does, by service and parameter; who is over two is counted at both.</param>
internal sealed record LimitedCounts(int Total, IReadOnlyDictionary<(string Service, string Rule), int> ByRule);
