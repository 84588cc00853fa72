namespace SmtpShield.Options;

/// <summary>The smallest value of a time parameter.</summary>
/// <param name="seconds">In seconds.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class MinimumSecondsAttribute(int seconds) : Attribute
{
    /// <summary>The smallest value, in seconds.</summary>
    public int Seconds => seconds;
}
