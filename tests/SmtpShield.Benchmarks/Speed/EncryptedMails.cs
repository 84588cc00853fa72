using System.Net.Security;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>Large mails inside TLS from the first octet, ended by the contender.</summary>
internal sealed class EncryptedMails() : Workload("encrypted", "20 MB mails inside TLS, 4 at a time", "MB")
{
    private const int AtATime = 4;
    private const int MailsEach = 5;
    private const int Octets = 20_000_000;

    /// <inheritdoc />
    public override Task<Arena> StartAsync(CancellationToken cancellationToken) => Wrapped.StartAsync(cancellationToken);

    /// <inheritdoc />
    public override async Task<Sample> RunAsync(Contender contender, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(_ => Task.Run(() => SendAsync(contender, cancellationToken), cancellationToken)));
        return new(AtATime * MailsEach * (Octets / 1e6), TimeProvider.System.GetElapsedTime(start));
    }

    private static async Task SendAsync(Contender contender, CancellationToken cancellationToken)
    {
        await using var tls = await Wrapped.ConnectAsync(contender.EndPoint, isResumed: false, cancellationToken);
        await ReadAsync(tls, cancellationToken);
        await SayAsync(tls, "HELO client.example", cancellationToken);
        var line = new byte[1000];
        line.AsSpan().Fill((byte)'x');
        "\r\n"u8.CopyTo(line.AsSpan(^2..));
        var content = Enumerable.Repeat(line, 64).SelectMany(static octets => octets).ToArray();
        for (var mail = 0; mail < MailsEach; mail++)
        {
            await SayAsync(tls, "MAIL FROM:<sender@client.example>", cancellationToken);
            await SayAsync(tls, "RCPT TO:<good@example.test>", cancellationToken);
            await SayAsync(tls, "DATA", cancellationToken);
            for (var sent = 0; sent < Octets; sent += content.Length)
                await tls.WriteAsync(content, cancellationToken);
            await SayAsync(tls, ".", cancellationToken);
        }
    }

    private static async Task SayAsync(SslStream tls, string line, CancellationToken cancellationToken)
    {
        await tls.WriteAsync(System.Text.Encoding.ASCII.GetBytes(line + "\r\n"), cancellationToken);
        await ReadAsync(tls, cancellationToken);
    }

    private static async Task ReadAsync(SslStream tls, CancellationToken cancellationToken)
    {
        var buffer = new byte[512];
        if (await tls.ReadAsync(buffer, cancellationToken) == 0 || buffer[0] is not ((byte)'2' or (byte)'3'))
            throw new InvalidOperationException($"Not a success: {System.Text.Encoding.Latin1.GetString(buffer)}");
    }
}
