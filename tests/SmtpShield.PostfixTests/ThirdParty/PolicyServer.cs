using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// A policy server as SPF and greylisting have one (Postfix SMTPD_POLICY_README): it keeps what Postfix says of each recipient's
/// client, and lets everybody pass.
/// </summary>
internal sealed class PolicyServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<IReadOnlyDictionary<string, string>> _requests = new();
    private readonly Task _accepting;

    public PolicyServer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The restriction that asks it.</summary>
    public string Restriction => $"check_policy_service inet:127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>What it was asked about a sender.</summary>
    public IReadOnlyDictionary<string, string>[] RequestsOf(string sender) => [.. _requests.Where(request => request["sender"] == sender)];

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        var sessions = new List<Task>();
        try
        {
            while (true)
                sessions.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stopping.Token)));
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(sessions);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using var reader = new StreamReader(client.GetStream(), Encoding.UTF8);
                var request = new Dictionary<string, string>();
                while (await reader.ReadLineAsync(_stopping.Token) is { } line)
                {
                    if (line.Length > 0)
                    {
                        var parts = line.Split('=', 2);
                        request[parts[0]] = parts[1];
                        continue;
                    }
                    _requests.Enqueue(request);
                    request = [];
                    await client.GetStream().WriteAsync("action=dunno\n\n"u8.ToArray(), _stopping.Token);
                }
            }
            catch (Exception ended) when (ended is IOException or OperationCanceledException)
            {
                // Postfix or the test has ended it.
            }
        }
    }
}
