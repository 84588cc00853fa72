using System.Security.Cryptography;
using System.Text;

namespace SmtpShield.Limits.Shared;

/// <summary>The script of an exchange, which a store is told once and called for by its hash.</summary>
/// <param name="text">The text.</param>
internal sealed class ExchangeScript(string text)
{
    private const string Name = "exchange.lua";

    /// <summary>The one the program has.</summary>
    public static ExchangeScript Embedded { get; } = new(Read());

    /// <summary>The text.</summary>
    public string Text => text;

    /// <summary>Its hash, the name Redis gives it.</summary>
#pragma warning disable CA5350
    public byte[] Hash { get; } = SHA1.HashData(Encoding.UTF8.GetBytes(text));
#pragma warning restore CA5350

    private static string Read()
    {
        using var reader = new StreamReader(typeof(ExchangeScript).Assembly.GetManifestResourceStream(Name)
            ?? throw new InvalidOperationException($"{Name} is not in the program."));
        return reader.ReadToEnd();
    }
}
