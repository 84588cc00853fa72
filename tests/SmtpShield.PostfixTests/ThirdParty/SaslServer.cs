using System.Net;
using System.Net.Sockets;
using System.Text;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>
/// What a Postfix with <c>smtpd_sasl_type = dovecot</c> asks whether a name and a password are right: Dovecot's authentication protocol, with
/// PLAIN and LOGIN and one account.
/// </summary>
internal sealed class SaslServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly string _user;
    private readonly string _password;
    private readonly Task _accepting;

    /// <summary>Starts it.</summary>
    public SaslServer(string user, string password)
    {
        (_user, _password) = (user, password);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Postfix parameters that let a service use it.</summary>
    public IReadOnlyDictionary<string, string> Parameters => new Dictionary<string, string>
    {
        ["smtpd_sasl_auth_enable"] = "yes",
        ["smtpd_sasl_type"] = "dovecot",
        ["smtpd_sasl_path"] = $"inet:127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}",
        ["smtpd_sasl_security_options"] = "noanonymous",
    };

    /// <summary>Ends it.</summary>
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

    private static bool TryDecode(string? response, out string? text)
    {
        text = null;
        if (response is null)
            return true;

        var octets = new byte[response.Length];
        if (!Convert.TryFromBase64String(response, octets, out var length))
            return false;

        text = Encoding.Latin1.GetString(octets, 0, length);
        return true;
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
                await using var writer = new StreamWriter(client.GetStream(), Encoding.ASCII) { AutoFlush = true, NewLine = "\n" };
                await writer.WriteLineAsync("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t1\nDONE");
                var (mechanism, user) = ("", "");
                while (await reader.ReadLineAsync(_stopping.Token) is { } line)
                {
                    var fields = line.Split('\t');
                    if (fields[0] is not ("AUTH" or "CONT"))
                        continue;
                    if (fields[0] == "AUTH")
                        (mechanism, user) = (fields[2].ToUpperInvariant(), "");
                    var response = fields[0] == "CONT" ? fields[2] : fields.FirstOrDefault(field => field.StartsWith("resp=", StringComparison.Ordinal))?[5..];
                    if (!TryDecode(response, out var text))
                    {
                        await writer.WriteLineAsync($"FAIL\t{fields[1]}\treason=Invalid base64 data in continued response");
                        continue;
                    }

                    if (text is not null && mechanism == "LOGIN" && user.Length == 0)
                    {
                        user = text;
                        text = null;
                        await writer.WriteLineAsync($"CONT\t{fields[1]}\t{Convert.ToBase64String("Password:"u8)}");
                    }
                    else if (text is null)
                    {
                        await writer.WriteLineAsync($"CONT\t{fields[1]}\t{(mechanism == "LOGIN" ? Convert.ToBase64String("Username:"u8) : "")}");
                    }
                    if (text is null)
                        continue;
                    var given = mechanism == "LOGIN" ? [user, text] : text.Split('\0');
                    await writer.WriteLineAsync(given.Length < 2 ? $"FAIL\t{fields[1]}\treason=invalid input" : given[^2..] is var last && last[0] == _user
                        && last[1] == _password ? $"OK\t{fields[1]}\tuser={_user}" : $"FAIL\t{fields[1]}\tuser={last[0]}");
                }
            }
            catch (Exception ended) when (ended is IOException or OperationCanceledException)
            {
                // Postfix or the test has ended it.
            }
        }
    }
}
