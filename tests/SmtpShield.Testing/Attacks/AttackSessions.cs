using System.Net.Security;
using System.Text;

namespace SmtpShield.Testing.Attacks;

/// <summary>What one connection of an attack says, in the order of the benchmark's table.</summary>
public static class AttackSessions
{
    private const string Hello = "EHLO attacker.example";
    private const string Sender = "MAIL FROM:<someone@attacker.example>";
    private const string Recipient = "RCPT TO:<good@example.test>";
    private static readonly TimeSpan s_drip = TimeSpan.FromSeconds(1);
    private static readonly byte[] s_octet = [(byte)'x'];
    private static readonly Lazy<byte[]> s_clientHello = new(MakeClientHello);

    // As many recipients as Postfix takes in one message: their replies are far more than fits into the smallest window.
    private static readonly byte[] s_manyRecipients = Encoding.ASCII.GetBytes(
        Sender + "\r\n" + string.Concat(Enumerable.Repeat(Recipient + "\r\n", 1000)));

    /// <summary>Waits for the greeting and says nothing.</summary>
    public static async Task SilentAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await connection.IsGreetedAsync(cancellationToken))
            await connection.WaitForEndAsync(cancellationToken);
    }

    /// <summary>Says EHLO and nothing more.</summary>
    public static async Task HeldAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await HelloAsync(connection, cancellationToken))
            await connection.WaitForEndAsync(cancellationToken);
    }

    /// <summary>Asks for one recipient after the other that does not exist, until it is shown out.</summary>
    public static async Task GuessRecipientsAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (!await HelloAsync(connection, cancellationToken) || await connection.CommandAsync(Sender, cancellationToken) != 250)
            return;
        for (var guess = 0; ; guess++)
        {
            if (await connection.CommandAsync($"RCPT TO:<guess{connection.Number}-{guess}@example.test>", cancellationToken) is 0 or 421)
                return;
        }
    }

    /// <summary>Sends one octet of a command a second.</summary>
    public static async Task DripCommandAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await connection.IsGreetedAsync(cancellationToken))
            await DripAsync(connection, cancellationToken);
    }

    /// <summary>Sends one octet of content a second.</summary>
    public static async Task DripContentAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await EnvelopeAsync(connection, cancellationToken) && await connection.CommandAsync("DATA", cancellationToken) == 354)
            await DripAsync(connection, cancellationToken);
    }

    /// <summary>Sends one octet of a BDAT chunk a second.</summary>
    public static async Task DripChunkAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await EnvelopeAsync(connection, cancellationToken) && await connection.SendAsync("BDAT 100000 LAST\r\n"u8.ToArray(), cancellationToken))
            await DripAsync(connection, cancellationToken);
    }

    /// <summary>Asks much and reads nothing, with the smallest window there is.</summary>
    public static async Task NeverReadAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (!await HelloAsync(connection, cancellationToken) || !await connection.SendAsync(s_manyRecipients, cancellationToken))
            return;
        do
            await Task.Delay(s_drip, TimeProvider.System, cancellationToken);
        while (await connection.SendAsync("NOOP\r\n"u8.ToArray(), cancellationToken));
    }

    /// <summary>Goes at once: the next one comes as soon as this one has.</summary>
    public static async Task QuitAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await connection.IsGreetedAsync(cancellationToken))
            await connection.CommandAsync("QUIT", cancellationToken);
    }

    /// <summary>Says EHLO and QUIT.</summary>
    public static async Task HelloAndQuitAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await HelloAsync(connection, cancellationToken))
            await connection.CommandAsync("QUIT", cancellationToken);
    }

    /// <summary>
    /// Begins a TLS handshake and leaves with the server's answer. The first message is always the same one, so that the work is the server's alone.
    /// </summary>
    public static async Task HandshakeAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        if (await HelloAsync(connection, cancellationToken)
            && await connection.CommandAsync("STARTTLS", cancellationToken) == 220
            && await connection.SendAsync(s_clientHello.Value, cancellationToken)
            && await connection.IsAnsweredAsync(cancellationToken))
            connection.Tally.Handshake();
    }

    private static async Task<bool> HelloAsync(AttackConnection connection, CancellationToken cancellationToken) =>
        await connection.IsGreetedAsync(cancellationToken) && await connection.CommandAsync(Hello, cancellationToken) == 250;

    private static async Task<bool> EnvelopeAsync(AttackConnection connection, CancellationToken cancellationToken) =>
        await HelloAsync(connection, cancellationToken)
        && await connection.CommandAsync(Sender, cancellationToken) == 250
        && await connection.CommandAsync(Recipient, cancellationToken) == 250;

    private static async Task DripAsync(AttackConnection connection, CancellationToken cancellationToken)
    {
        while (await connection.SendAsync(s_octet, cancellationToken))
            await Task.Delay(s_drip, TimeProvider.System, cancellationToken);
    }

    // What a client of this machine says first in a handshake.
    private static byte[] MakeClientHello()
    {
        using var said = new ClientHelloStream();
        using var tls = new SslStream(said);
        try
        {
            tls.AuthenticateAsClient("mail.example.test");
        }
        catch (IOException)
        {
            // Nobody has answered.
        }
        return said.ToArray();
    }

    private sealed class ClientHelloStream : MemoryStream
    {
        public override int Read(Span<byte> buffer) => 0;

        public override int Read(byte[] buffer, int offset, int count) => 0;
    }
}
