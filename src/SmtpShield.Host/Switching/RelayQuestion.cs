using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Host.Switching;

/// <summary>
/// Asks a server whether it would take mail for elsewhere, and leaves without sending any. The connection ends with FIN, never with RST: a
/// Postfix that takes a connection which was reset behind its PROXY header from its queue may die.
/// </summary>
internal static class RelayQuestion
{
    /// <summary>A client that nobody trusts: an address for documentation (RFC 5737).</summary>
    public const string Stranger = "192.0.2.1";

    private const int LongestLine = 4096;
    private const int MostLines = 100;

    // Of a domain for documentation (RFC 2606); the sender is the null one, which no check of senders keeps from being asked.
    private static readonly string[] Commands = ["EHLO smtpshield-test.example.com", "MAIL FROM:<>", "RCPT TO:<relay-test@elsewhere.example>"];

    private static readonly TimeSpan s_closing = TimeSpan.FromSeconds(2);

    /// <summary>What a proxy writes before a connection of the stranger's (PROXY protocol, version 1).</summary>
    public static string HeaderFor(IPEndPoint endPoint) => $"PROXY TCP4 {Stranger} 192.0.2.2 49152 {endPoint.Port}\r\n";

    /// <summary>Asks.</summary>
    /// <param name="endPoint">Where.</param>
    /// <param name="header">What is sent before everything else; may be empty.</param>
    /// <param name="isWrapped">Whether TLS comes first.</param>
    /// <param name="limit">How long the session may take; its end may take 2 s more.</param>
    /// <param name="time">The clock of the limits.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<RelayAnswer> AskAsync(
        IPEndPoint endPoint, string header, bool isWrapped, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(limit, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        using var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var (greeting, reply) = ("", "");
        try
        {
            await socket.ConnectAsync(endPoint, ending.Token);
            await using var raw = new NetworkStream(socket, ownsSocket: false);
            await raw.WriteAsync(Encoding.ASCII.GetBytes(header), ending.Token);
            await using var tls = isWrapped ? await EncryptAsync(raw, ending.Token) : null;
            var stream = (Stream?)tls ?? raw;
            var input = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
            reply = greeting = await ReadReplyAsync(input, ending.Token);
            foreach (var command in Commands.TakeWhile(_ => reply.StartsWith('2')))
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"), ending.Token);
                reply = await ReadReplyAsync(input, ending.Token);
            }
            await stream.WriteAsync("QUIT\r\n"u8.ToArray(), ending.Token);
            await ReadReplyAsync(input, ending.Token);
            return new(greeting, reply, "");
        }
        catch (Exception exception) when (exception is IOException or SocketException or AuthenticationException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var reason = exception is OperationCanceledException ? $"no reply within {limit.TotalSeconds:0} s" : exception.Message;
            return new(greeting, reply, reply.Length > 0 && !reply.StartsWith('2') ? "" : reason);
        }
        finally
        {
            await CloseAsync(socket, time);
        }
    }

    [SuppressMessage("Security", "CA5359", Justification = "Who answers is known by where it listens, not by its certificate.")]
    private static async Task<SslStream> EncryptAsync(Stream raw, CancellationToken cancellationToken)
    {
        var tls = new SslStream(raw, leaveInnerStreamOpen: true, static (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" }, cancellationToken);
        return tls;
    }

    // The last line; empty when the connection ended.
    private static async Task<string> ReadReplyAsync(PipeReader input, CancellationToken cancellationToken)
    {
        for (var count = 0; count < MostLines;)
        {
            var read = await input.ReadAsync(cancellationToken);
            var status = SmtpLines.TryReadLine(read.Buffer, LongestLine, acceptLf: true, out var line, out var next);
            if (status == LineStatus.Complete)
            {
                var text = Encoding.Latin1.GetString(line.ToArray()).TrimEnd();
                input.AdvanceTo(next);
                count++;
                if (text.Length < 4 || text[3] != '-')
                    return text;
                continue;
            }
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted || status == LineStatus.TooLong)
                break;
        }
        return "";
    }

    private static async Task CloseAsync(Socket socket, TimeProvider time)
    {
        using var deadline = new CancellationTokenSource(s_closing, time);
        var buffer = new byte[LongestLine];
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            while (await socket.ReceiveAsync(buffer, deadline.Token) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            // It was never connected, or is gone.
        }
    }
}
