using System.Net;

namespace SmtpShield.Host.Rehearsal;

/// <summary>
/// The addresses of a rehearsal's clients, each used for one client only, so that nobody has a past. They are of 198.18.0.0/15, which is set aside for tests of
/// devices (RFC 2544), and are only named, in PROXY headers: all connections come from 127.0.0.1.
/// </summary>
internal sealed class RehearsalAddresses
{
    /// <summary>How many attackers there are addresses for.</summary>
    public const int Most = Networks * 254;

    private const int Networks = 256;
    private const byte NormalHalf = 18;
    private const byte AttackingHalf = 19;

    private int _normal;
    private int _attacking;

    /// <summary>Those that normal clients have had so far.</summary>
    public IEnumerable<IPAddress> Normal => Enumerable.Range(0, Volatile.Read(ref _normal)).Select(static number => Of(NormalHalf, number));

    /// <summary>The next one of a normal client. Each of 256 that follow one another is of another network of 24 bits.</summary>
    public IPAddress NextNormal() => Of(NormalHalf, Interlocked.Increment(ref _normal) - 1);

    /// <summary>The next one of an attacker.</summary>
    public IPAddress NextAttacking() => Of(AttackingHalf, Interlocked.Increment(ref _attacking) - 1);

    /// <summary>Whether an address is a normal client's.</summary>
    public static bool IsNormal(IPAddress address) => address.GetAddressBytes() is [198, NormalHalf, ..];

    private static IPAddress Of(byte half, int number) => new([198, half, (byte)(number % Networks), (byte)(1 + number / Networks)]);
}
