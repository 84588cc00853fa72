using System.Net;
using System.Text.RegularExpressions;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.ThirdParty;

/// <summary>The <c>openssl s_client</c> command as a client that talks SMTP.</summary>
internal sealed partial class OpenSslSmtpClient : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly OutsideProcess _process;
    private int _read;

    private OpenSslSmtpClient(OutsideProcess process) => _process = process;

    /// <summary>All it has printed.</summary>
    public string Output => _process.Output;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Connects, and waits until the server has spoken behind the handshake, or the connection has ended.</summary>
    /// <param name="server">The server.</param>
    /// <param name="isWrapped">Whether TLS comes first.</param>
    /// <param name="takesOrders">Whether it takes a line that begins with R or Q as an order to itself, to renegotiate or to quit.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="arguments">More arguments.</param>
    public static async Task<OpenSslSmtpClient> ConnectAsync(
        IPEndPoint server, bool isWrapped, bool takesOrders, CancellationToken cancellationToken, params string[] arguments)
    {
        string[] all =
        [
            "s_client", "-connect", server.ToString(), "-crlf", .. isWrapped ? [] : (string[])["-starttls", "smtp", "-name", "client.example"],
            .. takesOrders ? [] : (string[])["-ign_eof"], .. arguments,
        ];
        var client = new OpenSslSmtpClient(OutsideProcess.Start("openssl", all));
        // Its own STARTTLS leaves the last line of the EHLO reply for the end of what it says of the session; wrapped it is the greeting.
        await client.WaitForReplyAsync(cancellationToken);
        return client;
    }

    /// <summary>Sends a line and returns the reply's last line, empty when the connection was closed.</summary>
    public async Task<string> CommandAsync(string line, CancellationToken cancellationToken)
    {
        await _process.WriteAsync(line + "\n", cancellationToken);
        return await WaitForReplyAsync(cancellationToken);
    }

    /// <summary>Waits until it has ended by itself.</summary>
    public Task WaitForExitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(s_limit, cancellationToken);

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private async Task<string> WaitForReplyAsync(CancellationToken cancellationToken)
    {
        await Eventually.HoldsAsync(() => LastLine().IsMatch(_process.Output, _read) || _process.HasExited, s_limit, "a reply", cancellationToken);
        if (_process.HasExited)
            await WaitForExitAsync(cancellationToken); // What it has written is there only then.
        var match = LastLine().Match(_process.Output, _read);
        if (match.Success)
            _read = match.Index + match.Length;
        return match.Success ? match.Value.TrimEnd() : "";
    }

    [GeneratedRegex(@"^[2-5][0-9][0-9] .*\n", RegexOptions.Multiline)]
    private static partial Regex LastLine();
}
