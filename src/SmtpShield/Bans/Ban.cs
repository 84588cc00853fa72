using SmtpShield.Clients;

namespace SmtpShield.Bans;

/// <summary>A range of clients that may not connect for a while.</summary>
/// <param name="prefix">Who.</param>
/// <param name="since">Since when.</param>
/// <param name="until">When it ends, by itself.</param>
internal sealed class Ban(ClientRange prefix, DateTimeOffset since, DateTimeOffset until)
{
    /// <summary>The rule of a ban by hand.</summary>
    public const string ByHand = "ban";

    private readonly long _since = since.UtcTicks;
    private readonly long _until = until.UtcTicks;
    private long _refused;
    private long _told;
    private int _isLookedAt;

    /// <summary>Who.</summary>
    public ClientRange Prefix => prefix;

    /// <summary>Since when.</summary>
    public DateTimeOffset Since => new(_since, TimeSpan.Zero);

    /// <summary>When it ends, by itself.</summary>
    public DateTimeOffset Until => new(_until, TimeSpan.Zero);

    /// <summary>How many bans of this prefix there were lately, this one included; 0: by hand.</summary>
    public int Level { get; init; }

    /// <summary>The rule whose last hit led to it; <see cref="ByHand"/>.</summary>
    public string Rule { get; init; } = ByHand;

    /// <summary>How many hits there were; 0: by hand.</summary>
    public int Hits { get; init; }

    /// <summary>Who made it.</summary>
    public BanOrigin Origin { get; init; }

    /// <summary>Who said so; null: nobody, it is automatic.</summary>
    public string? By { get; init; }

    /// <summary>Why, in printable ASCII; null: it was not said.</summary>
    public string? Why { get; init; }

    /// <summary>Connections and sessions it has ended.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Whether it holds at a time.</summary>
    public bool IsInForce(DateTimeOffset now) => now.UtcTicks < _until;

    /// <summary>Whether one it refused is known to be exempt at no service. Of a ban of one address that says all there is to know.</summary>
    public bool IsLookedAt => Volatile.Read(ref _isLookedAt) != 0;

    /// <summary>A connection was refused, or a session ended.</summary>
    public void NoteRefused() => Interlocked.Increment(ref _refused);

    /// <summary>One it refused is exempt at no service.</summary>
    /// <returns>Whether that is new.</returns>
    public bool NoteLookedAt() => Interlocked.Exchange(ref _isLookedAt, 1) == 0;

    /// <summary>Connections refused since this was asked last. For one who asks.</summary>
    public long TakeUntold()
    {
        var refused = Refused;
        var untold = refused - _told;
        _told = refused;
        return untold;
    }
}
