using System.Buffers;
using System.IO.Pipelines;
using SmtpShield.Tls;

// Results are taken by polling here, as a session takes them.
#pragma warning disable CA2012

namespace SmtpShield.Tests.Tls;

/// <summary>
/// A session's loop asks a read or a flush for its result whenever anything has woken it, so also on another thread than the one that is just completing it.
/// </summary>
public class TlsPipeTests
{
    [Test]
    public void ReadAsync_ResultTaken_IsNotUsedForTheNextRead()
    {
        var pipe = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false));
        var read = new TlsPipeReader(pipe.Reader, new(), null).ReadAsync().ConfigureAwait(false).GetAwaiter();
        pipe.Reader.CancelPendingRead();
        read.GetResult();

        Assert.That(read.IsCompleted);
    }

    [Test]
    public void FlushAsync_ResultTaken_IsNotUsedForTheNextFlush()
    {
        var pipe = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 1,
            resumeWriterThreshold: 1, useSynchronizationContext: false));
        pipe.Writer.Write("x"u8);
        var flush = new TlsPipeWriter(pipe.Writer, new(), null).FlushAsync().ConfigureAwait(false).GetAwaiter();
        pipe.Writer.CancelPendingFlush();
        flush.GetResult();

        Assert.That(flush.IsCompleted);
    }
}
