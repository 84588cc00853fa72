using System.Globalization;
using System.Net;
using SmtpShield.Testing.Outside;

namespace SmtpShield.FunctionalTests.Tls;

/// <summary>Handshakes by the <c>openssl</c> command, another implementation's view of the same wire.</summary>
internal static class OpenSslClient
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    /// <summary>Connects, writes some input, and waits until the server closes or the input makes it end.</summary>
    /// <returns>What it printed.</returns>
    public static async Task<string> RunAsync(IPEndPoint endpoint, string input, CancellationToken cancellationToken, params string[] arguments)
    {
        await using var process = OutsideProcess.Start(
            "openssl", ["s_client", "-connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{endpoint.Port}"), .. arguments]);
        await process.WriteAsync(input, cancellationToken);
        await process.WaitForExitAsync(s_limit, cancellationToken);
        return process.Output;
    }
}
