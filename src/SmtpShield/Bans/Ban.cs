using SmtpShield.Clients;

namespace SmtpShield.Bans;

/// <summary>A range of clients that may not connect for a while.</summary>
/// <param name="prefix">Who.</param>
/// <param name="since">Since when.</param>
/// <param name="until">When it ends, by itself.</param>
/// <remarks>96 octets, for there may be a million.</remarks>
internal sealed class Ban(ClientRange prefix, DateTimeOffset since, DateTimeOffset until)
{
    /// <summary>The rule of a ban by hand.</summary>
    public const string ByHand = "ban";

    private readonly long _since = since.UtcTicks;
    private readonly long _until = until.UtcTicks;
    private readonly BanReason _reason = BanReason.Of(ByHand);
    private Ban? _next;
    private long _refused;
    private uint _told;
    private bool _isLookedAt;

    /// <summary>Who.</summary>
    public ClientRange Prefix { get; } = prefix;

    /// <summary>Since when.</summary>
    public DateTimeOffset Since => new(_since, TimeSpan.Zero);

    /// <summary>When it ends, by itself.</summary>
    public DateTimeOffset Until => new(_until, TimeSpan.Zero);

    /// <summary>How many bans of this prefix there were lately, this one included; 0: by hand.</summary>
    public int Level { get; init; }

    /// <summary>The rule whose last hit led to it; <see cref="ByHand"/>.</summary>
    public string Rule
    {
        get => _reason.Rule;
        init => _reason = _reason.By is null && _reason.Why is null ? BanReason.Of(value) : _reason with { Rule = value };
    }

    /// <summary>How many hits there were; 0: by hand.</summary>
    public int Hits { get; init; }

    /// <summary>Who made it.</summary>
    public BanOrigin Origin { get; init; }

    /// <summary>Who said so; null: nobody, it is automatic. Of an automatic one that another shield has told of, that shield.</summary>
    public string? By
    {
        get => _reason.By;
        init => _reason = value == _reason.By ? _reason : _reason with { By = value };
    }

    /// <summary>Why, in printable ASCII; null: it was not said.</summary>
    public string? Why
    {
        get => _reason.Why;
        init => _reason = value == _reason.Why ? _reason : _reason with { Why = value };
    }

    /// <summary>Whether another shield has told of it, since this one was started.</summary>
    public bool IsTold { get; init; }

    /// <summary>The next one in its chain of a <see cref="BanIndex"/>, which alone sets it.</summary>
    public ref Ban? Next => ref _next;

    /// <summary>Connections and sessions it has ended.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Whether it holds at a time.</summary>
    public bool IsInForce(DateTimeOffset now) => now.UtcTicks < _until;

    /// <summary>Whether one it refused is known to be exempt at no service. Of a ban of one address that says all there is to know.</summary>
    public bool IsLookedAt => Volatile.Read(ref _isLookedAt);

    /// <summary>A connection was refused, or a session ended.</summary>
    public void NoteRefused() => Interlocked.Increment(ref _refused);

    /// <summary>One it refused is exempt at no service.</summary>
    /// <returns>Whether that is new.</returns>
    public bool NoteLookedAt() => !Interlocked.Exchange(ref _isLookedAt, true);

    /// <summary>That is not known any more.</summary>
    public void ForgetLook() => Volatile.Write(ref _isLookedAt, false);

    /// <summary>Connections refused since this was asked last. For one who asks.</summary>
    public long TakeUntold()
    {
        // Of a minute: fewer than four thousand millions.
        var refused = (uint)Refused;
        var untold = refused - _told;
        _told = refused;
        return untold;
    }
}
