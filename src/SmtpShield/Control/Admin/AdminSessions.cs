namespace SmtpShield.Control.Admin;

/// <summary>
/// Who has logged in: in memory only, <see cref="Most"/> at most, for eight hours, or until nothing was asked for half an hour. When all places are taken the
/// one goes that was idle longest.
/// </summary>
internal sealed class AdminSessions(TimeProvider time)
{
    /// <summary>Sessions at most.</summary>
    public const int Most = 64;

    /// <summary>Sessions of one user at most: the one he has left idle longest ends for another one.</summary>
    public const int MostOfAUser = 8;

    /// <summary>How long one lasts.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(8);

    /// <summary>How long one lasts without being used.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromMinutes(30);

    private readonly Lock _gate = new();

    // By the hash of what the cookie has: finding one takes as long whatever of it was guessed right.
    private readonly Dictionary<string, AdminSession> _sessions = new(StringComparer.Ordinal);

    /// <summary>Sessions there are.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                RemoveEnded();
                return _sessions.Count;
            }
        }
    }

    /// <summary>Begins one.</summary>
    /// <param name="user">Who has logged in.</param>
    /// <param name="secret">What the cookie has.</param>
    public AdminSession Begin(AdminUser user, out string secret)
    {
        secret = AdminUser.NewSecret();
        var now = time.GetTimestamp();
        var session = new AdminSession(user, AdminUser.NewSecret(), now) { UsedAt = now };
        lock (_gate)
        {
            RemoveEnded();
            var own = _sessions.Where(pair => pair.Value.User.Name == user.Name).ToList();
            if (own.Count >= MostOfAUser)
                _sessions.Remove(own.MinBy(static pair => pair.Value.UsedAt).Key);
            else if (_sessions.Count == Most)
                _sessions.Remove(_sessions.MinBy(static pair => pair.Value.UsedAt).Key);
            _sessions[KeyOf(secret)] = session;
        }

        return session;
    }

    /// <summary>The session of a cookie, which is used with that; null: there is none, or it has ended.</summary>
    public AdminSession? Use(string secret)
    {
        var key = KeyOf(secret);
        lock (_gate)
        {
            if (!_sessions.TryGetValue(key, out var session))
                return null;
            if (HasEnded(session))
            {
                _sessions.Remove(key);
                return null;
            }

            session.UsedAt = time.GetTimestamp();
            return session;
        }
    }

    /// <summary>Whether a session has not ended. It is not used with that.</summary>
    public bool IsOpen(AdminSession session)
    {
        lock (_gate)
            return !HasEnded(session) && _sessions.ContainsValue(session);
    }

    /// <summary>Ends a session.</summary>
    public void End(AdminSession session)
    {
        lock (_gate)
        {
            foreach (var (key, other) in _sessions)
            {
                if (other != session)
                    continue;
                _sessions.Remove(key);
                return;
            }
        }
    }

    /// <summary>When a session ends at the latest.</summary>
    public DateTimeOffset EndOf(AdminSession session) => time.GetUtcNow() + (Longest - time.GetElapsedTime(session.BegunAt));

    private bool HasEnded(AdminSession session) => time.GetElapsedTime(session.BegunAt) >= Longest || time.GetElapsedTime(session.UsedAt) >= Idle;

    private void RemoveEnded()
    {
        foreach (var (key, session) in _sessions)
        {
            if (HasEnded(session))
                _sessions.Remove(key);
        }
    }

    private static string KeyOf(string secret) => Convert.ToHexString(AdminUser.HashOfToken(secret));
}
