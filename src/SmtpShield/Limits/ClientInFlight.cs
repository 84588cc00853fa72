namespace SmtpShield.Limits;

/// <summary>
/// What all sessions of one client have with the MTA now: commands without a reply, and logins it is working on. Each may turn out a failure, so a budget that
/// reaches over sessions must not be given out twice.
/// </summary>
internal sealed class ClientInFlight
{
    private readonly Lock _gate = new();
    private readonly HashSet<Action> _waiting = [];
    private int _commands;
    private int _logins;

    /// <summary>Sessions that use it; <see cref="ClientsInFlight"/>'s to keep.</summary>
    public int Sessions { get; set; }

    /// <summary>Commands without a reply.</summary>
    public int Commands => Volatile.Read(ref _commands);

    /// <summary>A session has more or fewer commands with the MTA.</summary>
    public void AddCommands(int change)
    {
        lock (_gate)
            _commands += change;
    }

    /// <summary>A session wants to give the MTA a command more.</summary>
    /// <param name="errors">Says how many were counted in the current window. Each is counted before its command is gone: none is missed here.</param>
    /// <param name="limit">How many errors there may be.</param>
    /// <returns>Whether it may, and is counted: if all the MTA works on failed, there would be no more than one error above the limit.</returns>
    public bool TryAddCommand(Func<int> errors, int limit)
    {
        lock (_gate)
        {
            if ((long)errors() + _commands > limit)
                return false;

            _commands++;
            return true;
        }
    }

    /// <summary>A session wants to begin a login.</summary>
    /// <param name="failures">Says how many were refused in the current window. Each is counted before its login ends, so none is missed here.</param>
    /// <param name="limit">How many may be.</param>
    /// <param name="wake">Called once, on another thread, when it is worth asking again.</param>
    public LoginTurn BeginLogin(Func<int> failures, int limit, Action wake)
    {
        lock (_gate)
        {
            var spent = failures();
            if (spent > limit)
                return LoginTurn.Spent;

            if ((long)spent + _logins > limit)
            {
                _waiting.Add(wake);
                return LoginTurn.Wait;
            }

            _logins++;
            return LoginTurn.Begun;
        }
    }

    /// <summary>A login is answered, or will not be.</summary>
    public void EndLogin()
    {
        lock (_gate)
        {
            _logins--;
            foreach (var wake in _waiting)
                ThreadPool.UnsafeQueueUserWorkItem(static wake => wake(), wake, preferLocal: false);
            _waiting.Clear();
        }
    }

    /// <summary>A session does not wait any more.</summary>
    public void Forget(Action wake)
    {
        lock (_gate)
            _waiting.Remove(wake);
    }
}
