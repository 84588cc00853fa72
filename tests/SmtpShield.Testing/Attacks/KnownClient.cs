using System.Net;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.Testing.Attacks;

/// <summary>
/// An honest sender, who was there before the attack: a connection for each mail, from its addresses in turn (127.99.0.1 and up). It has several where a
/// connection rate limit holds for it, too.
/// </summary>
/// <param name="server">The server.</param>
/// <param name="addresses">From how many addresses it sends.</param>
public sealed class KnownClient(IPEndPoint server, int addresses = 1)
{
    private const int AddressesPerNetwork = 250;
    private int _mails;

    /// <summary>Sends a mail.</summary>
    /// <returns>Null when the server has accepted it; else what it said instead, <c>closed</c> for the end of the connection.</returns>
    public async Task<string?> SendAsync(CancellationToken cancellationToken)
    {
        var mail = Interlocked.Increment(ref _mails) - 1;
        var address = mail % addresses;
        var from = new IPAddress([127, 99, (byte)(address / AddressesPerNetwork), (byte)(1 + address % AddressesPerNetwork)]);
        await using var client = await RawSmtpClient.ConnectAsync(server, from, cancellationToken);
        if (Refusal(await client.ReplyAsync(cancellationToken), "220") is { } greeting)
            return greeting;
        string[] commands = ["EHLO known.example", "MAIL FROM:<known@known.example>", "RCPT TO:<good@example.test>", "DATA"];
        foreach (var command in commands)
        {
            if (Refusal(await client.CommandAsync(command, cancellationToken), command == "DATA" ? "354" : "250") is { } refusal)
                return refusal;
        }
        var content = $"From: <known@known.example>\r\nSubject: Mail {mail}\r\n\r\nSomething that somebody waits for.\r\n.";
        if (Refusal(await client.CommandAsync(content, cancellationToken), "250") is { } end)
            return end;
        await client.SendAsync("QUIT\r\n", cancellationToken);
        return null;
    }

    private static string? Refusal(string reply, string expected) => reply.StartsWith(expected, StringComparison.Ordinal) ? null : reply;
}
