namespace SmtpShield.Control.Admin;

/// <summary>Somebody who has logged in.</summary>
/// <param name="user">His line of the users file, as it was then.</param>
/// <param name="token">What his changes must show beside the cookie: a page of somebody else's can't read it.</param>
/// <param name="begunAt">A timestamp.</param>
internal sealed class AdminSession(AdminUser user, string token, long begunAt)
{
    /// <summary>His line of the users file, as it was when he logged in.</summary>
    public AdminUser User => user;

    /// <summary>What his changes must show beside the cookie.</summary>
    public string Token => token;

    /// <summary>When he logged in; a timestamp.</summary>
    public long BegunAt => begunAt;

    /// <summary>When he asked last; a timestamp.</summary>
    public long UsedAt { get; set; }
}
