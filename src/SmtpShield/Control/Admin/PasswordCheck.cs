using System.Security.Cryptography;

namespace SmtpShield.Control.Admin;

/// <summary>
/// Compares passwords, each time with as much work: for a name that nobody has, and for a user whose hash has fewer rounds than another one's. How long it
/// takes says nothing of names.
/// </summary>
/// <param name="hash">Makes a hash of a password, with a salt and so many rounds.</param>
internal sealed class PasswordCheck(Func<string, byte[], int, byte[]> hash)
{
    /// <summary>With PBKDF2-SHA-256. It takes a processor some tenths of a second.</summary>
    public PasswordCheck()
        : this(AdminUser.HashOf)
    {
    }

    /// <summary>Whether it is the user's password.</summary>
    /// <param name="user">The user; null: there is none of that name.</param>
    /// <param name="password">The password.</param>
    /// <param name="rounds">How many rounds it takes: as many as any user's hash has.</param>
    public bool IsRight(AdminUser? user, string password, int rounds)
    {
        var compared = user ?? AdminUser.Nobody(rounds);
        var isEqual = CryptographicOperations.FixedTimeEquals(hash(password, compared.Salt, compared.Rounds), compared.Hash);
        if (compared.Rounds < rounds)
            hash(password, compared.Salt, rounds - compared.Rounds);
        return isEqual && user is not null;
    }
}
