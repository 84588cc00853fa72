using System.Security.Cryptography;
using System.Text;

namespace SmtpShield.Limits.Shared;

/// <summary>A script, which a store is told once and called for by its hash.</summary>
/// <param name="text">The text.</param>
internal sealed class ExchangeScript(string text)
{
    /// <summary>That of an exchange, as the program has it.</summary>
    public static ExchangeScript Embedded { get; } = new(Read("exchange.lua"));

    /// <summary>That of entries.</summary>
    public static ExchangeScript Entries { get; } = new(Read("entries.lua"));

    /// <summary>The text.</summary>
    public string Text => text;

    /// <summary>Its hash, the name Redis gives it.</summary>
#pragma warning disable CA5350
    public byte[] Hash { get; } = SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350

    private static string Read(string name)
    {
        using var reader = new StreamReader(typeof(ExchangeScript).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not in the program."));
        return reader.ReadToEnd();
    }
}
