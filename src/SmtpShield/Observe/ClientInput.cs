using System.Buffers;

namespace SmtpShield.Observe;

/// <summary>
/// Quotes what a client has sent, where a log line says that it was no command, or too early: never what might be credentials. Those stand behind AUTH, and a
/// client that has said AUTH may type them anywhere.
/// </summary>
internal static class ClientInput
{
    /// <summary>Stands for what is not quoted.</summary>
    public const string Redacted = "[redacted]";

    private const int KeywordLength = 4;

    /// <summary>Escapes input as <see cref="ClientText"/> does, up to the first AUTH in it.</summary>
    /// <param name="input">What was sent.</param>
    /// <param name="maxLength">Octets quoted at most.</param>
    /// <param name="mayBeCredentials">The client has said AUTH: nothing is quoted.</param>
    public static string Quote(in ReadOnlySequence<byte> input, int maxLength, bool mayBeCredentials = false)
    {
        if (mayBeCredentials)
            return Redacted;

        // A keyword that begins within what is quoted is looked at as a whole.
        ReadOnlySpan<byte> start = (input.Length > maxLength + KeywordLength ? input.Slice(0, maxLength + KeywordLength) : input).ToArray();
        for (var at = 0; at < Math.Min(maxLength, start.Length - KeywordLength + 1); at++)
        {
            if (BeginsWithAuth(start[at..]))
                return ClientText.Escape(start[..(at + KeywordLength)], maxLength + KeywordLength) + " " + Redacted;
        }

        return ClientText.Escape(input, maxLength);
    }

    /// <summary>Whether input begins with AUTH, in any case, whatever follows it.</summary>
    public static bool BeginsWithAuth(ReadOnlySpan<byte> input) =>
        input.Length >= KeywordLength && System.Text.Ascii.EqualsIgnoreCase(input[..KeywordLength], "AUTH"u8);
}
