using System.Text;

namespace SmtpShield.Testing.Outside;

/// <summary>A message as an MTA stored it, for comparison with what was sent.</summary>
public static class StoredMessage
{
    private static readonly string[] s_trace = ["Return-Path:", "X-Original-To:", "Delivered-To:", "Received:"];

    /// <summary>
    /// Reads a message without the lines that deliveries put in front of it (Return-Path, X-Original-To, Delivered-To, Received with its continuation lines):
    /// what remains are the octets that were sent, with LF for CR LF, as a maildir has them.
    /// </summary>
    public static async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var octets = await File.ReadAllBytesAsync(path, cancellationToken);
        var start = 0;
        var inTrace = false;
        while (start < octets.Length)
        {
            var length = Array.IndexOf(octets, (byte)'\n', start) - start + 1;
            if (length <= 0)
                break;
            var line = Encoding.Latin1.GetString(octets, start, Math.Min(length, 20));
            inTrace = s_trace.Any(name => line.StartsWith(name, StringComparison.Ordinal)) || (inTrace && line[0] is ' ' or '\t');
            if (!inTrace)
                break;
            start += length;
        }
        return octets[start..];
    }
}
