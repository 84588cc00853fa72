using System.Globalization;

namespace SmtpShield.Options;

/// <summary>A limit that may be in shadow.</summary>
/// <param name="Name">Its parameter.</param>
/// <param name="Off">The value that takes its effect away.</param>
/// <param name="Of">Its value among others.</param>
/// <param name="With">The others with another value of it.</param>
internal sealed record ShadowRule(
    string Name, object Off, Func<ShadowLimits, object> Of, Func<ShadowLimits, object, ShadowLimits> With)
{
    /// <summary>What stands for a value that switches a limit off.</summary>
    public const string OffWord = "off";

    /// <summary>Whether it is switched off among these.</summary>
    public bool IsOff(ShadowLimits limits) => Off.Equals(Of(limits));

    /// <summary>Its value in shadow; <see cref="OffWord"/>: it is in none.</summary>
    public string DescribeInShadow(ShieldOptions options) => options.InShadow is { } judged ? Describe(Of(judged)) : OffWord;

    /// <summary>A value as a report has it.</summary>
    public string Describe(object value) => value.Equals(Off) ? OffWord : value switch
    {
        int number => number.ToString(CultureInfo.InvariantCulture),
        bool => "yes",
        TimeSpan time => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds}s"),
        _ => "set",
    };
}
