namespace SmtpShield.Testing.Hunter;

/// <summary>What a client must get to see of an EHLO reply of <see cref="MtaScript"/>.</summary>
internal static class ReferenceEhlo
{
    public static string Filter(string reply, HuntConfiguration configuration)
    {
        var lines = reply.Split("\r\n")[..^1];
        var chunking = configuration.Smtpd.Chunking && lines.Skip(1).Any(static line => line[4..].Split(' ')[0] == "CHUNKING");
        string[] kept = [lines[0], .. lines.Skip(1)
            .Where(line => line[4..].Split(' ')[0] switch { "PIPELINING" or "SIZE" or "ENHANCEDSTATUSCODES" or "8BITMIME" or "LIMITS" or "AUTH" => true, "CHUNKING" or "BINARYMIME" => chunking, _ => false })
            .Select(line => configuration.Limits.RecipientLimit < 5000 ? line.Replace("RCPTMAX=5000", $"RCPTMAX={configuration.Limits.RecipientLimit}", StringComparison.Ordinal) : line)];
        return string.Concat(kept.Select((line, i) => string.Concat(line.AsSpan(0, 3), i == kept.Length - 1 ? " " : "-", line.AsSpan(4), "\r\n")));
    }
}
