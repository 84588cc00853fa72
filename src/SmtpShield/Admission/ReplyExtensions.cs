using System.Buffers;
using System.IO.Pipelines;
using SmtpShield.Protocol;

namespace SmtpShield.Admission;

/// <summary>How a client is told something outside a session: before it has one, or in place of it.</summary>
internal static class ReplyExtensions
{
    /// <summary>Writes a reply and waits until the kernel has it. Who refuses then returns: the stages around close.</summary>
    /// <param name="transport">The client's connection.</param>
    /// <param name="reply">What it is told.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async ValueTask SayAsync(this IDuplexPipe transport, Reply reply, CancellationToken cancellationToken = default)
    {
        transport.Output.Write(reply.Octets.Span);
        await transport.Output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
