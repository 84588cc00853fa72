namespace SmtpShield.Options;

/// <summary>
/// Marks a time parameter with the unit of values written without one: <c>s</c>, <c>m</c>, <c>h</c>, <c>d</c> or <c>w</c> (postconf(5), the unit of the
/// built-in default).
/// </summary>
/// <param name="unit">The unit's letter.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class TimeUnitAttribute(char unit) : Attribute
{
    /// <summary>The unit's letter.</summary>
    public char Unit => unit;
}
