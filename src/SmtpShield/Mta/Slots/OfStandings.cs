using System.Runtime.CompilerServices;

namespace SmtpShield.Mta.Slots;

/// <summary>One of something for each <see cref="ClientStanding"/>, inside its owner.</summary>
[InlineArray(Count)]
internal struct OfStandings<T>
{
    /// <summary>How many standings there are.</summary>
    public const int Count = (int)ClientStanding.Bad + 1;

    private T _first;
}
