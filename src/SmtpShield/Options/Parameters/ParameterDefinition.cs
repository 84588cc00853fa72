using System.Reflection;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Options.Parameters;

/// <summary>A parameter the shield knows.</summary>
/// <param name="Name">The name in main.cf.</param>
/// <param name="DefaultText">The built-in default, not expanded; null when it is computed from this host (<see cref="DerivedDefaults"/>).</param>
/// <param name="Property">The option it sets; null when it is only there for other values to refer to.</param>
/// <param name="ValueType">The type of its value.</param>
internal sealed record ParameterDefinition(string Name, string? DefaultText, PropertyInfo? Property, Type ValueType)
{
    /// <summary>Whether all services have the same value.</summary>
    public bool IsShared => Property?.IsDefined(typeof(SharedByServicesAttribute)) ?? false;

    /// <summary>The unit of a time without one.</summary>
    public char TimeUnit => Property?.GetCustomAttribute<TimeUnitAttribute>()?.Unit ?? 's';

    /// <summary>The smallest number or, for a time, number of seconds.</summary>
    public int Minimum =>
        Property?.GetCustomAttribute<MinimumSecondsAttribute>()?.Seconds ?? Property?.GetCustomAttribute<RangeAttribute>()?.Minimum as int? ?? int.MinValue;

    /// <summary>The largest number or, for a time, number of seconds.</summary>
    public int Maximum =>
        ValueType == typeof(TimeSpan) ? PostfixTime.MaxSeconds : Property?.GetCustomAttribute<RangeAttribute>()?.Maximum as int? ?? int.MaxValue;
}
