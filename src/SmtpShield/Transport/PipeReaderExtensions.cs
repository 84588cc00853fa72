using System.IO.Pipelines;

namespace SmtpShield.Transport;

/// <summary>Reads of which nothing is wanted.</summary>
internal static class PipeReaderExtensions
{
    /// <summary>Reads and drops what the peer still sends until it has closed.</summary>
    /// <param name="input">The peer's.</param>
    /// <param name="most">Octets that are dropped at most.</param>
    /// <param name="longest">How long it takes at most.</param>
    /// <param name="time">The clock.</param>
    public static async ValueTask DropUntilClosedAsync(this PipeReader input, long most, TimeSpan longest, TimeProvider time)
    {
        using var deadline = new CancellationTokenSource(longest, time);
        try
        {
            for (var dropped = 0L; dropped < most;)
            {
                var read = await input.ReadAsync(deadline.Token).ConfigureAwait(false);
                dropped += read.Buffer.Length;
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            // It takes its time.
        }
    }
}
