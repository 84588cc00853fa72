using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace SmtpShield.Upgrade;

/// <summary>A process that is to take over from this one.</summary>
/// <param name="starter">The process that starts it, and ends.</param>
/// <param name="channel">What it says and is told.</param>
internal sealed class Successor(Process starter, HandOverChannel channel) : IDisposable
{
    private readonly List<string> _failures = [];
    private bool _serves;

    /// <summary>Its process id, once it has said so.</summary>
    public int Id { get; private set; }

    /// <summary>Its version, once it has said so.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Waits until it has read its configuration.</summary>
    /// <exception cref="HandOverException">It does not start.</exception>
    public async Task WaitUntilCheckedAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var rest = await ExpectAsync(HandOverWords.Checked, limit, time, cancellationToken);
        if (rest.Split(' ') is not [var version, var process] || !int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            throw new HandOverException($"the new program says \"{HandOverWords.Checked} {rest}\", which is no shield's");
        (Version, Id) = (version, id);
    }

    /// <summary>Gives it a line, with those that follow.</summary>
    public async Task GiveAsync(string line, CancellationToken cancellationToken) => await channel.AddAsync(line, cancellationToken);

    /// <summary>Tells it a word, and waits for its own.</summary>
    /// <exception cref="HandOverException">It says something else, or ends, or says nothing in time.</exception>
    public async Task TellAsync(string word, string expected, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        await channel.SayAsync(word, cancellationToken);
        await ExpectAsync(expected, limit, time, cancellationToken);
        _serves = expected == HandOverWords.Serving;
    }

    /// <summary>Tells it a word.</summary>
    public async Task TellAsync(string word) => await channel.SayAsync(word, CancellationToken.None);

    /// <summary>Tells it what changes, until it ends.</summary>
    public Task TellAsync(HandOverNews news, CancellationToken cancellationToken) => news.TellAsync(channel, cancellationToken);

    /// <summary>Takes what it tells, until it ends.</summary>
    public Task HearAsync(HandOverNews news, CancellationToken cancellationToken) => news.HearAsync(channel, cancellationToken);

    /// <summary>Ends it, unless it serves clients already; or tells it nothing more.</summary>
    public void Dispose()
    {
        channel.Dispose();
        if (!_serves)
        {
            Kill(starter);
            if (Id > 0)
                Kill(Id);
        }

        starter.Dispose();
    }

    private async Task<string> ExpectAsync(string expected, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        using var inTime = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(inTime.Token, cancellationToken);
        try
        {
            while (await channel.ReadAsync(either.Token) is { } line)
            {
                var (word, rest) = HandOverWords.Split(line);
                if (word == expected)
                    return rest;
                if (word == HandOverWords.Failed)
                    _failures.Add(rest);
            }
        }
        catch (OperationCanceledException)
        {
            throw new HandOverException(cancellationToken.IsCancellationRequested
                ? "the shield stops"
                : $"the new program has not said \"{expected}\" within {limit.TotalSeconds} s: see what it has printed, for systemd in its journal");
        }

        throw _failures.Count > 0
            ? new HandOverException(_failures)
            : new HandOverException($"the new program has ended before it said \"{expected}\": see what it has printed, for systemd in its journal");
    }

    private static void Kill(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            Kill(process);
        }
        catch (ArgumentException)
        {
            // It has ended.
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
        {
            // It has ended.
        }
    }
}
