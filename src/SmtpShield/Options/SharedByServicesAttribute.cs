namespace SmtpShield.Options;

/// <summary>The option is the program's, not a service's: it can't be written <c>submission/inet/name = value</c>.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SharedByServicesAttribute : Attribute;
