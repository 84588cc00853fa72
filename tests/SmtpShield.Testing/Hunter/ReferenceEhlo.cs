namespace SmtpShield.Testing.Hunter;

/// <summary>What a client must get to see of an EHLO reply of <see cref="MtaScript"/>.</summary>
internal static class ReferenceEhlo
{
    public static string Filter(string reply, HuntConfiguration configuration, ReferenceSession session)
    {
        var lines = reply.Split("\r\n")[..^1];
        var chunking = configuration.Smtpd.Chunking && lines.Skip(1).Any(static line => line[4..].Split(' ')[0] == "CHUNKING");
        string[] kept = [lines[0], .. lines.Skip(1)
            .Where(line => line[4..].Split(' ')[0] switch { "PIPELINING" or "SIZE" or "ENHANCEDSTATUSCODES" or "8BITMIME" or "LIMITS" or "AUTH" =>
                true, "CHUNKING" or "BINARYMIME" => chunking, _ => false })
            .Select(line => session.Limits.RecipientLimit < 5000
                ? line.Replace("RCPTMAX=5000", $"RCPTMAX={session.Limits.RecipientLimit}", StringComparison.Ordinal)
                : line)];
        // Where TLS is ours mechanisms are picked one by one, and the line is written anew.
        if (configuration.OffersTls)
            kept = [.. kept.Select(static line => line[4..].StartsWith("AUTH ", StringComparison.Ordinal) ? line.TrimEnd() : line)];
        if (session.OffersTls)
        {
            var place = Array.FindIndex(kept, 1, static line => line[4..].Split(' ')[0] is not ("PIPELINING" or "SIZE"));
            kept = [.. kept[..(place < 0 ? kept.Length : place)], "250-STARTTLS", .. kept[(place < 0 ? kept.Length : place)..]];
        }

        return string.Concat(kept.Select((line, i) => string.Concat(line.AsSpan(0, 3), i == kept.Length - 1 ? " " : "-", line.AsSpan(4), "\r\n")));
    }
}
