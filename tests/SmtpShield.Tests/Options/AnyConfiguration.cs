using System.Text;
using SmtpShield.Options.Parameters;

namespace SmtpShield.Tests.Options;

/// <summary>
/// Configurations nobody would write, made of the words of those that somebody would: names, references, tables, expressions, junk. The same for the same seed.
/// </summary>
internal sealed class AnyConfiguration(int seed)
{
    private static readonly string[] s_names =
    [
        .. ParameterCatalog.All.Keys, "a", "b", "c", "smtp/inet/smtpd_timeout", "submission/inet/shield_listen", "relayhost", "shield_nosuch",
    ];

    private static readonly string[] s_words =
    [
        "regexp:", "pcre:", "cidr:", "static:all", "inline:", "hash:/nonexistent", "/nonexistent", "/dev/null", "/dev/zero", "/dev/urandom", "/proc/self/mem",
        "/", "!", "!!10.0.0.0/8", "[", "]", "[::1]", "[::ffff:1.2.3.4]/96",
        "10.0.0.1/33", "0/0", "1.2.3", "::/129", "{", "}", "{{", "}}", "{{/x/ y}}", "{/(?!a)b/ x}", "/(?<=a)b/", "/(a)\\1/", "/(?>a)/",
        "/((((a{9})*){9})*){9}/", "/[/", "/(/", "/a{2,1}/", "/\\p{Xx}/", "/a{1000000}/", "/^/i x", "/x/z",
        "$", "$$", "${", "$(", "$a", "${b}", "${c?{x}:{y}}", "${{a} == {b} ? {x} : {y}}", "${a:$b}", "?", ":", "==", "<level", "yes", "no", "-1", "0", "1",
        "2147483647", "99999999999999999999", "5m", "1w", "9999d", "may",
        "haproxy", "proxy-v2", "transparent", "127.0.0.1:25", "[::]:25", "x:99999", "mail.example.com", ".", "..", "-", "#", "\0", "\u0080", "\ud800", "\u2028",
        "ä", "'", "\"", "\\", "\t", ",", ", ,", "if", "endif", "if !10.0.0.0/8",
        "submission", "smtp smtps", "TLSv1.3", ">=TLSv1.9", "!TLSv1.2",
    ];

    private static readonly string[] s_ends = ["\n", "\n", "\n", "\n ", "\r\n", "", "\n#", "\n\n\t", "\0\n"];

    private readonly Random _random = new(seed);

    /// <summary>The octets of a main.cf.</summary>
    public byte[] MainCf()
    {
        if (_random.Next(20) == 0)
            return Junk(_random.Next(20_000));
        var text = new StringBuilder();
        for (var lines = _random.Next(1, 30); lines > 0; lines--)
            text.Append(Line());
        var octets = Encoding.UTF8.GetBytes(text.ToString());
        for (var changes = _random.Next(3) == 0 ? _random.Next(10) : 0; changes > 0 && octets.Length > 0; changes--)
            octets[_random.Next(octets.Length)] = (byte)_random.Next(256);
        return octets;
    }

    /// <summary>The text of a master.cf.</summary>
    public byte[] MasterCf()
    {
        var text = new StringBuilder();
        for (var lines = _random.Next(1, 10); lines > 0; lines--)
        {
            text.Append(Pick(["smtp", "submission", "127.0.0.1:10025", "smtpd", "-o", "12525", Word()])).Append(' ')
                .Append(Pick(["inet", "pass", "unix", Word()])).Append(" n - n - ").Append(Pick(["1", "-", Word()])).Append(' ');
            text.Append(Pick(["smtpd", "postscreen", "pickup", Word()])).Append(Pick(["", "\n  -o ", " -o "])).Append(Line());
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>A value.</summary>
    public string Value()
    {
        var text = new StringBuilder();
        for (var words = _random.Next(6); words >= 0; words--)
            text.Append(Word()).Append(Pick(["", " ", ", ", "{", "}"]));
        return _random.Next(10) == 0 ? Nest(text.ToString()) : text.ToString();
    }

    private string Line() => $"{Pick(["", "", "", " ", "#"])}{Pick(s_names)}{Pick([" = ", "=", " ", ""])}{Value()}{Pick(s_ends)}";

    private string Nest(string inside)
    {
        var (open, close) = Pick([("${a?{", "}}"), ("{", "}"), ("(", ")"), ("${{", "} == {x}}"), ("$(", ")"), ("[", "]")]);
        var depth = _random.Next(300);
        return string.Concat(Enumerable.Repeat(open, depth))
            + inside + string.Concat(Enumerable.Repeat(close, _random.Next(3) == 0 ? _random.Next(300) : depth));
    }

    private byte[] Junk(int length)
    {
        var octets = new byte[length];
        _random.NextBytes(octets);
        return octets;
    }

    private string Word() => Pick(s_words);

    private T Pick<T>(T[] items) => items[_random.Next(items.Length)];
}
