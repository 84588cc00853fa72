using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using SmtpShield.Clients.Dns;

namespace SmtpShield.Clients;

/// <summary>
/// The host's hosts file and name servers, as its files have them: what getnameinfo(3) and getaddrinfo(3), which Postfix calls, ask. Those hold a thread until
/// the last server has not answered, and nothing can end that; here a question costs a socket, and ends when it is told to. Each has a socket of its own,
/// connected to the server it asks: only that one can answer.
/// </summary>
/// <param name="files">Where servers and hosts come from.</param>
/// <param name="time">The clock of a server's patience.</param>
/// <param name="port">Where name servers listen.</param>
internal sealed class SystemNameResolver(ResolverFiles files, TimeProvider time, int port = 53) : INameResolver
{
    /// <summary>How long one server may take for one question, before the next one is asked, or the only one again.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(600);

    private const int FewestQuestions = 2;
    private const string NoSuchName = "Name or service not known";
    private const string NoAddress = "No address associated with hostname";
    private const string NobodyAnswers = "Temporary failure in name resolution";

    /// <inheritdoc/>
    public async ValueTask<NameAnswer> NameOfAsync(IPAddress address, CancellationToken cancellationToken)
    {
        var configuration = files.Current;
        if (configuration.Hosts.NameOf(address) is { Length: > 0 } name)
            return new(name);
        var reply = await AskAsync(configuration.Servers, DnsMessage.ReverseName(address), DnsRecordType.Ptr, cancellationToken).ConfigureAwait(false);
        return new(reply.Name, reply.Result == DnsResult.Failed);
    }

    /// <inheritdoc/>
    public async ValueTask<AddressAnswer> AddressesOfAsync(string name, AddressFamily family, CancellationToken cancellationToken)
    {
        var configuration = files.Current;
        if (configuration.Hosts.AddressesOf(name, family) is { Count: > 0 } addresses)
            return new(addresses);
        var type = family == AddressFamily.InterNetwork ? DnsRecordType.A : DnsRecordType.Aaaa;
        var reply = await AskAsync(configuration.Servers, name, type, cancellationToken).ConfigureAwait(false);
        return reply.Result switch
        {
            DnsResult.Found => new(reply.Addresses),
            DnsResult.NoName => new([], NoSuchName),
            DnsResult.NoRecord => new([], NoAddress),
            _ => new([], NobodyAnswers, IsTemporary: true),
        };
    }

    private async ValueTask<DnsReply> AskAsync(IReadOnlyList<IPAddress> servers, string name, DnsRecordType type, CancellationToken cancellationToken)
    {
        if (servers.Count == 0)
            return DnsReply.Of(DnsResult.NoName);
        for (var i = 0; i < Math.Max(servers.Count, FewestQuestions); i++)
        {
            using var patience = new CancellationTokenSource(Patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
            try
            {
                var server = new IPEndPoint(servers[i % servers.Count], port);
                var question = DnsMessage.Question(BinaryPrimitives.ReadUInt16BigEndian(RandomNumberGenerator.GetBytes(sizeof(ushort))), name, type);
                var reply = await AskByUdpAsync(server, question, either.Token).ConfigureAwait(false);
                if (reply.Result == DnsResult.Truncated)
                    reply = await AskByTcpAsync(server, question, either.Token).ConfigureAwait(false);
                if (reply.Result != DnsResult.Failed)
                    return reply;
            }
            catch (Exception exception)
                when (exception is SocketException or IOException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // The next one may do better.
            }
        }

        return DnsReply.Of(DnsResult.Failed);
    }

    private static async ValueTask<DnsReply> AskByUdpAsync(IPEndPoint server, byte[] question, CancellationToken cancellationToken)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
        await socket.SendAsync(question, cancellationToken).ConfigureAwait(false);
        var buffer = ArrayPool<byte>.Shared.Rent(DnsMessage.LongestDatagram);
        try
        {
            while (true)
            {
                var length = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
                if (DnsMessage.TryRead(buffer.AsSpan(0, length), question, out var reply))
                    return reply;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // RFC 1035 section 4.2.2: the length in two octets before each message.
    private static async ValueTask<DnsReply> AskByTcpAsync(IPEndPoint server, byte[] question, CancellationToken cancellationToken)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync((byte[])[(byte)(question.Length >> 8), (byte)question.Length, .. question], cancellationToken).ConfigureAwait(false);
        var prefix = new byte[sizeof(ushort)];
        await stream.ReadExactlyAsync(prefix, cancellationToken).ConfigureAwait(false);
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(prefix)];
        await stream.ReadExactlyAsync(message, cancellationToken).ConfigureAwait(false);
        return DnsMessage.TryRead(message, question, out var reply) && reply.Result != DnsResult.Truncated ? reply : DnsReply.Of(DnsResult.Failed);
    }
}
