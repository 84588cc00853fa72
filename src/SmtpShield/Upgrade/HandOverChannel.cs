using System.Text;

namespace SmtpShield.Upgrade;

/// <summary>
/// Lines of text between a shield and its successor, over two pipes which only these two have: the successor has its ends from the shield that started it. What
/// the two say, and in which order, is in <see cref="HandOverWords"/>.
/// </summary>
/// <param name="input">What the other one says.</param>
/// <param name="output">What it is told.</param>
internal sealed class HandOverChannel(Stream input, Stream output) : IDisposable
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly StreamReader _reader = new(input, s_utf8);
    private readonly StreamWriter _writer = new(output, s_utf8) { NewLine = "\n" };

    /// <summary>What the other one says next; null: it has ended, or says nothing more.</summary>
    public async ValueTask<string?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _reader.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>Says a line, together with those that follow it, until <see cref="FlushAsync"/>.</summary>
    /// <returns>False: the other one has ended.</returns>
    public async ValueTask<bool> AddAsync(string line, CancellationToken cancellationToken)
    {
        try
        {
            await _writer.WriteLineAsync(line.AsMemory(), cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Says what was added.</summary>
    /// <returns>False: the other one has ended.</returns>
    public async ValueTask<bool> FlushAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Says a line now.</summary>
    /// <returns>False: the other one has ended.</returns>
    public async ValueTask<bool> SayAsync(string line, CancellationToken cancellationToken) =>
        await AddAsync(line, cancellationToken).ConfigureAwait(false) && await FlushAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Says nothing more, which the other one hears.</summary>
    public void Dispose()
    {
        // What was not flushed is for nobody; a writer would flush it now.
        output.Dispose();
        input.Dispose();
    }
}
