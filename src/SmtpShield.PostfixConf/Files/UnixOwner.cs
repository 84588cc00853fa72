namespace SmtpShield.PostfixConf.Files;

/// <summary>The owner of a file, which .NET has no words for: Linux only, a no-op elsewhere.</summary>
internal static class UnixOwner
{
    /// <summary>Gives <paramref name="target"/> the owner and group of <paramref name="source"/>.</summary>
    /// <returns>Whether it has them now.</returns>
    public static bool TryCopy(string source, string target)
    {
        if (!OperatingSystem.IsLinux())
            return true;
        return UnixFile.TryStatus(source, out var wanted) && UnixFile.TryStatus(target, out var actual)
            && ((wanted.User, wanted.Group) == (actual.User, actual.Group) || UnixFile.TryChangeOwner(target, wanted.User, wanted.Group));
    }
}
