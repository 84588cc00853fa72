using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Observe;

/// <summary>
/// The queue between those who log and the sink, and the one task that empties it. Logging never waits: when the queue is full a line is dropped and counted,
/// and one line says how many once there is room again. A line is written at once, those behind it 10 ms later. A sink that fails is tried again every second,
/// with the lines kept; one that hangs is left to itself once there is another.
/// </summary>
internal sealed class MaillogWriter : IDisposable
{
    /// <summary>Lines that wait at most.</summary>
    /// <value>16384: about 4 MB of text at 256 bytes a line, several seconds of a busy server's log.</value>
    public const int DefaultCapacity = 16384;

    // One write of a file takes this many lines at most, so its buffer stays below 1 MB even if each has the full length.
    private const int MaxBatch = 256;

    // Behind a write that was not full: what many sessions log within it is one write and one wake-up of a thread, not one each.
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(5);

    private readonly Channel<MaillogLine> _lines;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _giveUp = new();
    private MaillogLine[] _batch = new MaillogLine[MaxBatch];
    private readonly Task _writing;
    private readonly int _capacity;
    private IMaillogSink _sink;
    private IMaillogSink? _nextSink;
    private volatile TaskCompletionSource _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long[] _posted = new long[(int)LogLevel.None];
    private long _lost;
    private long _dropped;
    private int _disposed;

    /// <summary>Starts writing to <paramref name="sink"/>, which the writer owns from now on.</summary>
    public MaillogWriter(IMaillogSink sink, TimeProvider time, int capacity = DefaultCapacity)
    {
        _sink = sink;
        _time = time;
        _capacity = capacity;
        _lines = Channel.CreateBounded<MaillogLine>(new BoundedChannelOptions(capacity) { SingleReader = true, AllowSynchronousContinuations = false });
        // On the pool from the start: the first lines must not be written by the thread that makes the writer.
        _writing = Task.Run(WriteAllAsync);
    }

    /// <summary>Lines that were dropped, since the start.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Lines of a level since the start, dropped ones included.</summary>
    public long Posted(LogLevel level) => Interlocked.Read(ref _posted[(int)level]);

    /// <summary>Queues a line, or drops and counts it.</summary>
    public void Post(in MaillogLine line)
    {
        Interlocked.Increment(ref _posted[(int)line.Level]);
        if (_lines.Writer.TryWrite(line))
            return;

        Interlocked.Increment(ref _dropped);
        Interlocked.Increment(ref _lost);
    }

    /// <summary>Lets the lines that are written from now on, queued ones included, go to another sink; the present one is closed.</summary>
    public void Replace(IMaillogSink sink)
    {
        Interlocked.Exchange(ref _nextSink, sink)?.Dispose();
        _replaced.TrySetResult();
    }

    /// <summary>Writes what is queued, for at most 5 seconds, and closes the sink.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _lines.Writer.TryComplete();
        _giveUp.CancelAfter(FlushTimeout);
        try
        {
            // The end of the program, and ILoggerProvider has no asynchronous end: the one place that waits.
            _writing.Wait(FlushTimeout + RetryInterval);
        }
        catch (AggregateException)
        {
            // A sink's bug cost the last lines; there is no log left to say so.
        }

        _giveUp.Dispose();
    }

    private async Task WriteAllAsync()
    {
        try
        {
            while (await _lines.Reader.WaitToReadAsync(_giveUp.Token))
            {
                var isFull = await WriteBatchAsync();
                // Not before there is room for a while: one line about a flood, not one for each batch of it.
                if (_lines.Reader.Count <= _capacity / 2 && Interlocked.Exchange(ref _dropped, 0) is > 0 and var dropped)
                    await WriteAsync(new MaillogLine(_time.GetUtcNow(), LogLevel.Warning, ProcessName.Smtpd, $"suppressed {dropped} log lines", null));
                if (!isFull)
                    await Task.Delay(Rest, TimeProvider.System, _giveUp.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The time for the last lines is over.
        }
        finally
        {
            Interlocked.Exchange(ref _nextSink, null)?.Dispose();
            _sink.Dispose();
        }
    }

    private async ValueTask<bool> WriteBatchAsync()
    {
        var count = 0;
        while (count < MaxBatch && _lines.Reader.TryRead(out _batch[count]))
            count++;
        await WriteAsync(_batch.AsMemory(0, count));
        Array.Clear(_batch, 0, count);
        return count == MaxBatch;
    }

    private ValueTask WriteAsync(MaillogLine line)
    {
        _batch[0] = line;
        return WriteAsync(_batch.AsMemory(0, 1));
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<MaillogLine> lines)
    {
        while (true)
        {
            TakeNextSink();
            var write = _sink.WriteAsync(lines, _giveUp.Token).AsTask();
            if (!write.IsCompleted && !await EndsAsync(write))
            {
                lines = LeaveSink(write, lines);
                continue;
            }

            lines = lines[await write..];
            if (lines.IsEmpty)
                return;
            await Task.Delay(RetryInterval, _time, _giveUp.Token);
        }
    }

    private void TakeNextSink()
    {
        // Before looking: whoever replaces the sink from now on is heard.
        if (_replaced.Task.IsCompleted)
            _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.Exchange(ref _nextSink, null) is not { } next)
            return;
        _sink.Dispose();
        _sink = next;
    }

    // A pipe nobody reads, a file server that is away: they may never end. A write that is only slow has a second more, so that its lines are not written
    // twice.
    private async ValueTask<bool> EndsAsync(Task<int> write)
    {
        while (true)
        {
            var replaced = _replaced;
            if (replaced.Task.IsCompleted)
            {
                _replaced = replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);
                if (Volatile.Read(ref _nextSink) is not null)
                    replaced.TrySetResult();
            }

            await Task.WhenAny(write, replaced.Task).WaitAsync(_giveUp.Token);
            if (write.IsCompleted)
                return true;
            if (Volatile.Read(ref _nextSink) is null)
                continue;
            await Task.WhenAny(write, Task.Delay(RetryInterval, _time, _giveUp.Token));
            _giveUp.Token.ThrowIfCancellationRequested();
            return write.IsCompleted;
        }
    }

    // It may still look at the lines it was given: they stay its own.
    private ReadOnlyMemory<MaillogLine> LeaveSink(Task write, ReadOnlyMemory<MaillogLine> lines)
    {
        var left = _sink;
        _ = write.ContinueWith(_ => left.Dispose(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _sink = Interlocked.Exchange(ref _nextSink, null)!;
        var copy = lines.ToArray();
        _batch = new MaillogLine[MaxBatch];
        return copy;
    }
}
