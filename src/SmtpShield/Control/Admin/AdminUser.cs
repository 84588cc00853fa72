using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace SmtpShield.Control.Admin;

/// <summary>A line of the users file: <c>NAME ROLE pbkdf2-sha256 ROUNDS SALT HASH</c>, or <c>NAME ROLE token HASH END</c>.</summary>
/// <param name="Name">Letters, digits and <c>. _ @ -</c>, at most 64.</param>
/// <param name="Role">What he may do.</param>
/// <param name="Rounds">Of the password's hash; 0 of a token.</param>
/// <param name="Salt">Of the password's hash; empty of a token.</param>
/// <param name="Hash">32 octets.</param>
/// <param name="End">When a token ends; a password does not.</param>
internal sealed record AdminUser(string Name, AdminRole Role, int Rounds, byte[] Salt, byte[] Hash, DateTimeOffset End)
{
    /// <summary>Rounds of the hashes that are made.</summary>
    /// <remarks>OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA256.</remarks>
    public const int UsualRounds = 600_000;

    /// <summary>Characters a name may have.</summary>
    public const int LongestName = 64;

    private const int MostRounds = 10_000_000;
    private const int LeastRounds = 100_000;
    private const int Length = 32;
    private const int SaltLength = 16;
    private const string Password = "pbkdf2-sha256";
    private const string Token = "token";
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>Whether it is a token's line, not a password's.</summary>
    public bool IsToken => Rounds == 0;

    /// <summary>Nobody's, against which the password of an unknown name is compared: so it takes as long as that of a known one.</summary>
    /// <param name="rounds">Of its hash.</param>
    public static AdminUser Nobody(int rounds) => new("-", AdminRole.View, rounds, new byte[SaltLength], new byte[Length], default);

    /// <summary>Whether it is a name that a user may have.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= LongestName && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '@' or '-');

    /// <summary>A user with a password.</summary>
    public static AdminUser WithPassword(string name, AdminRole role, string password)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return new(name, role, UsualRounds, salt, HashOf(password, salt, UsualRounds), DateTimeOffset.MaxValue);
    }

    /// <summary>A token, with 256 random bits.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="role">What it may do.</param>
    /// <param name="end">When it ends.</param>
    /// <param name="token">What is shown to the shield.</param>
    public static AdminUser WithToken(string name, AdminRole role, DateTimeOffset end, out string token)
    {
        token = NewSecret();
        return new(name, role, 0, [], HashOfToken(token), end);
    }

    /// <summary>256 random bits as text.</summary>
    public static string NewSecret() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Length));

    /// <summary>What is kept of a token. It is random, so one round is enough.</summary>
    public static byte[] HashOfToken(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>A password's hash.</summary>
    public static byte[] HashOf(string password, byte[] salt, int rounds) =>
        Rfc2898DeriveBytes.Pbkdf2(password, salt, rounds, HashAlgorithmName.SHA256, Length);

    /// <summary>Reads a line.</summary>
    /// <returns>Null: it is none.</returns>
    public static AdminUser? Parse(string line) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) switch
    {
        [var name, var role, Password, var rounds, var salt, var hash] when IsName(name) && RoleOf(role) is { } known
            && int.TryParse(rounds, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= LeastRounds and <= MostRounds
            && Octets(salt) is { Length: >= SaltLength } saltOctets && Octets(hash) is { Length: Length } octets
            => new(name, known, count, saltOctets, octets, DateTimeOffset.MaxValue),
        [var name, var role, Token, var hash, var end] when IsName(name) && RoleOf(role) is { } known && Octets(hash) is { Length: Length } octets
            && DateTimeOffset.TryParseExact(end, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            => new(name, known, 0, [], octets, time),
        _ => null,
    };

    /// <summary>The role of a word; null: there is none of that name.</summary>
    public static AdminRole? RoleOf(string word) => word switch
    {
        "view" => AdminRole.View,
        "operate" => AdminRole.Operate,
        _ => null,
    };

    /// <summary>Its line.</summary>
    public override string ToString() => IsToken
        ? $"{Name} {Role.Word()} {Token} {Convert.ToHexStringLower(Hash)} {End.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture)}"
        : $"{Name} {Role.Word()} {Password} {Rounds.ToString(CultureInfo.InvariantCulture)} {Convert.ToHexStringLower(Salt)} {Convert.ToHexStringLower(Hash)}";

    private static byte[]? Octets(string hex) => hex.Length is > 0 and <= 128 && hex.Length % 2 == 0 && hex.All(char.IsAsciiHexDigit)
        ? Convert.FromHexString(hex) : null;
}
