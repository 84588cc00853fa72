using System.Net;
using System.Net.Sockets;

namespace SmtpShield.Testing;

/// <summary>A DNS server on 127.0.0.1 that answers what the test says, by UDP and TCP.</summary>
public sealed class ScriptedNameServer : IDisposable
{
    private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _tcp = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Func<byte[], int, IReadOnlyList<byte[]>> _answer;
    private int _questions;

    /// <summary>Starts it.</summary>
    /// <param name="answer">The datagrams it answers a question with, by the question's octets and its number, which begins with 0.</param>
    public ScriptedNameServer(Func<byte[], int, IReadOnlyList<byte[]>> answer)
    {
        _answer = answer;
        _tcp.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Port = ((IPEndPoint)_tcp.LocalEndPoint!).Port;
        _tcp.Listen();
        _udp.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        _ = ServeAsync();
        _ = ServeTcpAsync();
    }

    /// <summary>Where it listens.</summary>
    public int Port { get; }

    /// <summary>Questions that came by UDP.</summary>
    public int Questions => Volatile.Read(ref _questions);

    /// <summary>The answer to a question that comes by TCP.</summary>
    public Func<byte[], byte[]> ByTcp { get; init; } = static question => Refuse(question, 2)[0];

    /// <summary>A datagram that answers with one record.</summary>
    /// <param name="question">The question.</param>
    /// <param name="record">Its octets, in hexadecimal digits.</param>
    public static IReadOnlyList<byte[]> Answer(byte[] question, string record) =>
        [[.. question[..2], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, .. question[12..], .. Convert.FromHexString(record)]];

    /// <summary>A datagram without a record, with a response code.</summary>
    public static IReadOnlyList<byte[]> Refuse(
        byte[] question, byte code) => [[.. question[..2], 0x81, (byte)(0x80 | code), 0, 1, 0, 0, 0, 0, 0, 0, .. question[12..]]];

    /// <inheritdoc/>
    public void Dispose()
    {
        _udp.Dispose();
        _tcp.Dispose();
    }

    private async Task ServeAsync()
    {
        var buffer = new byte[512];
        try
        {
            while (true)
            {
                var received = await _udp.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                foreach (var datagram in _answer(buffer[..received.ReceivedBytes], Interlocked.Increment(ref _questions) - 1))
                    await _udp.SendToAsync(datagram, received.RemoteEndPoint);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeTcpAsync()
    {
        try
        {
            while (true)
            {
                using var connection = await _tcp.AcceptAsync();
                await using var stream = new NetworkStream(connection);
                var prefix = new byte[2];
                await stream.ReadExactlyAsync(prefix);
                var question = new byte[(prefix[0] << 8) | prefix[1]];
                await stream.ReadExactlyAsync(question);
                var answer = ByTcp(question);
                await stream.WriteAsync((byte[])[(byte)(answer.Length >> 8), (byte)answer.Length, .. answer]);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over.
        }
    }
}
