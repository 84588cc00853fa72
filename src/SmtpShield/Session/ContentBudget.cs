namespace SmtpShield.Session;

/// <summary>
/// How long a client may take for the content it sends: it starts with a wait and grows with each octet, so that who sends at
/// <c>smtpd_min_data_rate</c> or faster never runs out of it. Only waiting for the client uses it up (Postfix <c>smtpd_per_request_deadline</c>, vstream.c).
/// </summary>
internal struct ContentBudget
{
    private long _due;
    private long _heldSince;
    private long _most;
    private double _perOctet;

    /// <summary>Starts with content.</summary>
    /// <param name="now">A timestamp.</param>
    /// <param name="most">What it starts with and never exceeds, in timestamp units.</param>
    /// <param name="perOctet">What each octet adds, in timestamp units.</param>
    public void Start(long now, long most, double perOctet) => (_due, _heldSince, _most, _perOctet) = (now + most, 0, most, perOctet);

    /// <summary>Content has come.</summary>
    public void Add(long octets, long now) => _due = Math.Min(_due + (long)(octets * _perOctet), now + _most);

    /// <summary>Notes whose turn it is: while the MTA does not take what has come, the client is not waited for.</summary>
    public void Hold(bool isHeld, long now)
    {
        if (isHeld && _heldSince == 0)
        {
            _heldSince = now;
        }
        else if (!isHeld && _heldSince != 0)
        {
            _due += now - _heldSince;
            _heldSince = 0;
        }
    }

    /// <summary>When it is used up if nothing more comes; a timestamp.</summary>
    public readonly long Due => _due;
}
