using System.Text;

namespace SmtpShield.Protocol;

/// <summary>
/// What an MTA offers in its reply to EHLO, taken apart, so that several can be compared: what all MTAs of a pool offer, and whether one still offers what a
/// client was told. Immutable; shared by sessions.
/// </summary>
internal sealed class EhloOffer
{
    // An MTA without them refuses them itself, and the client has lost nothing. LIMITS only says how much of something is taken.
    private static readonly string[] s_dispensable = ["ENHANCEDSTATUSCODES", "HELP", "VRFY", "EXPN", "ETRN", "LIMITS", "STARTTLS"];

    private readonly EhloKeyword[] _keywords;

    private EhloOffer(string firstWord, EhloKeyword[] keywords)
    {
        FirstWord = firstWord;
        _keywords = keywords;
        Octets = Write(firstWord, keywords);
    }

    /// <summary>The first word of the first line, the MTA's name. What it says behind it may be about the client, and is not kept.</summary>
    public string FirstWord { get; }

    /// <summary>The keywords, in the MTA's order.</summary>
    public IReadOnlyList<EhloKeyword> Keywords => _keywords;

    /// <summary>A reply that offers this: complete lines, <see cref="FirstWord"/> alone in the first.</summary>
    public ReadOnlyMemory<byte> Octets { get; }

    /// <summary>Takes a reply apart.</summary>
    /// <param name="reply">The whole reply, every line CRLF-ended (<see cref="ReplyReader.CopyTo"/>).</param>
    public static EhloOffer Parse(ReadOnlySpan<byte> reply)
    {
        var lines = Encoding.Latin1.GetString(reply).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return new(FirstWordOf(lines[0]), [.. lines.Skip(1).Select(TextOf).Where(static text => text.Length > 0).Select(EhloKeyword.Parse)]);
    }

    /// <summary>
    /// What all of them offer, in the words and the order of the first: SIZE and LIMITS the smallest, of AUTH the common mechanisms, what else has parameters
    /// only where all have the same.
    /// </summary>
    /// <param name="offers">At least one.</param>
    public static EhloOffer Intersect(IReadOnlyList<EhloOffer> offers)
    {
        var common = offers[0];
        for (var i = 1; i < offers.Count; i++)
            common = common.With(offers[i]);
        return common;
    }

    /// <summary>Whether a keyword is offered.</summary>
    public bool Offers(string name) => Find(name) is not null;

    /// <summary>What this one lacks of what another has promised. STARTTLS is nobody's promise here: between client and shield it is the shield's.</summary>
    /// <param name="promised">What clients were told.</param>
    /// <param name="missing">The keywords of a <see cref="OfferGap.Vital"/> gap, or <c>PIPELINING</c>.</param>
    public OfferGap GapTo(EhloOffer promised, out string missing)
    {
        var vital = promised._keywords.Where(keyword => !keyword.Is("PIPELINING") && IsVitalGap(keyword)).Select(static keyword => keyword.Name).ToArray();
        missing = string.Join(' ', vital);
        if (vital.Length > 0)
            return OfferGap.Vital;
        if (!promised.Offers("PIPELINING") || Offers("PIPELINING"))
            return OfferGap.None;

        missing = "PIPELINING";
        return OfferGap.Pipelining;
    }

    private bool IsVitalGap(EhloKeyword promised)
    {
        if (s_dispensable.Contains(promised.Name, StringComparer.OrdinalIgnoreCase))
            return false;
        return promised.Is("AUTH") ? promised.Words.Except(Mechanisms, StringComparer.OrdinalIgnoreCase).Any() : !Offers(promised.Name);
    }

    private IEnumerable<string> Mechanisms => _keywords.Where(static keyword => keyword.Is("AUTH")).SelectMany(static keyword => keyword.Words);

    private EhloOffer With(EhloOffer other)
    {
        var common = new List<EhloKeyword>();
        foreach (var keyword in _keywords)
        {
            if (other.Find(keyword.Name) is { } twin && Common(keyword, twin, other) is { } both)
                common.Add(both);
        }

        return new(FirstWord, [.. common]);
    }

    private static EhloKeyword? Common(EhloKeyword one, EhloKeyword twin, EhloOffer other)
    {
        if (one.Is("AUTH"))
            return JoinOrNull(one, one.Words.Intersect(other.Mechanisms, StringComparer.OrdinalIgnoreCase));
        if (one.Is("SIZE"))
            return one with { Parameters = Smallest(one.Parameters, twin.Parameters) };
        if (one.Is("LIMITS"))
            return JoinOrNull(one, SmallestLimits(one.Words, twin.Words));
        return one.Parameters.Equals(twin.Parameters, StringComparison.OrdinalIgnoreCase) ? one : null;
    }

    private static EhloKeyword? JoinOrNull(EhloKeyword keyword, IEnumerable<string> words) =>
        string.Join(' ', words) is { Length: > 0 } text ? keyword with { Parameters = text } : null;

    // No number, or 0, is no limit (RFC 1870 section 4).
    private static string Smallest(string one, string other)
    {
        var (first, second) = (Number(one), Number(other));
        return first == 0 || (second > 0 && second < first) ? other : one;
    }

    private static ulong Number(string text) =>
        ulong.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 0;

    // RFC 9422 section 4: NAME=VALUE; a name only one of them has limits there.
    private static IEnumerable<string> SmallestLimits(string[] one, string[] other)
    {
        foreach (var limit in one)
        {
            var twin = Array.Find(other, word => NameOf(word).Equals(NameOf(limit), StringComparison.OrdinalIgnoreCase));
            yield return twin is null ? limit : $"{NameOf(limit)}{Smallest(ValueOf(limit), ValueOf(twin))}";
        }

        foreach (var limit in other)
        {
            if (!Array.Exists(one, word => NameOf(word).Equals(NameOf(limit), StringComparison.OrdinalIgnoreCase)))
                yield return limit;
        }
    }

    private static string NameOf(string limit) => limit[..(limit.IndexOf('=') + 1)];

    private static string ValueOf(string limit) => limit[(limit.IndexOf('=') + 1)..];

    private EhloKeyword? Find(string name) => Array.Find(_keywords, keyword => keyword.Is(name));

    private static string FirstWordOf(string line) => TextOf(line).Trim(' ', '\t').Split([' ', '\t'], 2)[0];

    private static string TextOf(string line) => line.Length > 4 ? line[4..] : "";

    private static byte[] Write(string firstWord, EhloKeyword[] keywords)
    {
        var text = new StringBuilder($"250{(keywords.Length == 0 ? ' ' : '-')}{firstWord}\r\n");
        for (var i = 0; i < keywords.Length; i++)
            text.Append($"250{(i == keywords.Length - 1 ? ' ' : '-')}{keywords[i]}\r\n");
        return Encoding.Latin1.GetBytes(text.ToString());
    }
}
