using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Mta.Handoff;

/// <summary>The shield's own commands to an MTA, before a client's: one at a time, and what the MTA says without being asked ends it.</summary>
/// <param name="transport">The bytes to and from the MTA.</param>
internal sealed class UpstreamDialogue(IDuplexPipe transport)
{
    /// <summary>What the dialogue waits for, as in <c>no reply to EHLO within 30s</c>.</summary>
    public string Awaited { get; private set; } = "greeting";

    /// <summary>Where the bytes of the next commands and replies go; replaced by a TLS handshake.</summary>
    public IDuplexPipe Transport { get; set; } = transport;

    /// <summary>Whether bytes have arrived that no reply asked for has taken. In clear they may be anybody's (CVE-2021-38371).</summary>
    public bool HasUnasked
    {
        get
        {
            if (!Transport.Input.TryRead(out var result))
                return false;
            Transport.Input.AdvanceTo(result.Buffer.Start);
            return !result.Buffer.IsEmpty;
        }
    }

    /// <summary>Reads the greeting.</summary>
    /// <returns>The reply, or else why there is none.</returns>
    public ValueTask<(UpstreamReply Reply, string? Failure)> ReadGreetingAsync(CancellationToken cancellationToken) => ReadAsync(null, cancellationToken);

    /// <summary>Sends a command and reads its reply.</summary>
    /// <param name="verb">The verb, for failures.</param>
    /// <param name="line">The command line without its end; printable ASCII.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The reply, or else why there is none.</returns>
    public ValueTask<(UpstreamReply Reply, string? Failure)> CommandAsync(string verb, string line, CancellationToken cancellationToken) =>
        CommandAsync(verb, Encoding.ASCII.GetBytes(line), cancellationToken);

    /// <summary>The same, with a line of the client's.</summary>
    /// <param name="verb">The verb, for failures.</param>
    /// <param name="line">The command line without its end, octet for octet.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<(UpstreamReply Reply, string? Failure)> CommandAsync(
        string verb, ReadOnlyMemory<byte> line, CancellationToken cancellationToken)
    {
        if (HasUnasked)
            return (default, $"sent data before {verb} without being asked");
        Await($"reply to {verb}");
        Transport.Output.Write(line.Span);
        Transport.Output.Write("\r\n"u8);
        // A token ends no flush that waits for a peer who takes nothing.
        await Transport.Output.FlushAsync(cancellationToken).AsTask().WaitAsync(cancellationToken);
        return await ReadAsync(verb, cancellationToken);
    }

    /// <summary>Notes what is waited for.</summary>
    public void Await(string what) => Awaited = what;

    private async ValueTask<(UpstreamReply Reply, string? Failure)> ReadAsync(string? verb, CancellationToken cancellationToken)
    {
        var reply = await UpstreamReply.ReadAsync(Transport.Input, cancellationToken);
        var failure = reply.Status switch
        {
            ReplyStatus.Complete => null,
            ReplyStatus.Malformed => verb is null ? "malformed greeting" : $"malformed reply to {verb}",
            _ => verb is null ? "lost connection" : $"lost connection after {verb}",
        };
        return (reply, failure);
    }
}
