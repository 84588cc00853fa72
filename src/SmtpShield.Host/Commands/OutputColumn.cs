namespace SmtpShield.Host.Commands;

/// <summary>A column of what a command prints.</summary>
/// <param name="Name">What stands above it.</param>
/// <param name="IsNumber">Whether its texts end below each other.</param>
/// <param name="Least">How many characters it has at least in a pipe, so that what is behind it mostly stands where it did.</param>
internal sealed record OutputColumn(string Name, bool IsNumber = false, int Least = 0);
