using Microsoft.Extensions.Primitives;

namespace SmtpShield.Options;

/// <summary>One service of <c>shield_services</c>, as those see it who serve its clients: its name, and the options in force for it.</summary>
/// <param name="name">The name, as in <c>for service smtp</c>.</param>
/// <param name="snapshot">The options in force.</param>
public sealed class ShieldService(string name, ShieldSnapshot snapshot)
{
    private volatile Seen _seen = new(snapshot.Current, snapshot.Current.Of(name));

    /// <summary>The name, as in <c>for service smtp</c>.</summary>
    public string Name => name;

    /// <summary>
    /// The newest valid options with the service's own values, for what begins now: of a connection, <see cref="ConnectionOptions"/> has them.
    /// </summary>
    /// <param name="isUnderStress">Whether the service is under stress.</param>
    public ShieldOptions When(bool isUnderStress) => Unstressed.When(isUnderStress);

    /// <summary>The same with an empty <c>$stress</c>, for what belongs to no connection.</summary>
    public ShieldOptions Unstressed
    {
        get
        {
            var seen = _seen;
            var current = snapshot.Current;
            if (ReferenceEquals(seen.All, current))
                return seen.Own;

            _seen = seen = new(current, current.Of(name));
            return seen.Own;
        }
    }

    /// <summary>A token that fires once, when the options have been replaced.</summary>
    public IChangeToken GetChangeToken() => snapshot.GetChangeToken();

    private sealed record Seen(ShieldOptions All, ShieldOptions Own);
}
