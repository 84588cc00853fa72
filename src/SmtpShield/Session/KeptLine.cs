namespace SmtpShield.Session;

/// <summary>Where <see cref="Transaction"/> keeps the line of a command until its reply; the default is nothing.</summary>
/// <param name="Start">Where the line starts, in octets kept since the session began.</param>
/// <param name="Length">Octets of it.</param>
/// <param name="WordsStart">Where in the line the words start that log lines quote.</param>
/// <param name="WordsLength">Octets of those words.</param>
internal readonly record struct KeptLine(int Start, int Length, int WordsStart, int WordsLength);
