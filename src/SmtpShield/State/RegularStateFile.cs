using Microsoft.Extensions.Hosting;

namespace SmtpShield.State;

/// <summary>
/// A file of the state directory that is written regularly and at the end: what it has changes all the time, and what has changed since may be lost. Writing
/// takes a hundredth of the time at most: where it takes long the next time comes later, up to <see cref="Longest"/>.
/// </summary>
internal abstract class RegularStateFile : BackgroundService
{
    /// <summary>Between two times, at most.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    /// <summary>Between two times, of what may be lost that long in a crash.</summary>
    public static readonly TimeSpan Usual = TimeSpan.FromMinutes(5);

    private const int Share = 100;

    private readonly TimeSpan _interval;
    private readonly TimeProvider _time;
    private TimeSpan _rest;
    private long _written;

    /// <summary>Nothing is read or written by that.</summary>
    /// <param name="directory">Where it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="interval">Between two times, at least.</param>
    /// <param name="time">The clock.</param>
    protected RegularStateFile(StateDirectory directory, string name, TimeSpan interval, TimeProvider time) =>
        (Kept, _interval, _time) = (directory.Open(name, Lines), interval, time);

    /// <summary>The file.</summary>
    protected StateFile Kept { get; }

    /// <summary>Whether what is to be in it is something else than what was written.</summary>
    protected virtual bool HasChanged => true;

    /// <summary>What is to be in it.</summary>
    protected abstract IEnumerable<string> Lines();

    /// <summary>Writes it, unless nothing has changed, or it is too early after a time that took long. To be called each interval.</summary>
    public void SaveInTurn()
    {
        var begun = _time.GetTimestamp();
        if (!HasChanged || _time.GetElapsedTime(_written, begun) < _rest)
            return;
        Kept.Save();
        _written = _time.GetTimestamp();
        var rest = Share * _time.GetElapsedTime(begun, _written);
        _rest = rest < Longest - _interval ? rest : Longest - _interval;
    }

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        Kept.Save();
        return base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var turns = new PeriodicTimer(_interval, _time);
        try
        {
            while (await turns.WaitForNextTickAsync(stoppingToken))
                SaveInTurn();
        }
        catch (OperationCanceledException)
        {
            // The shield ends.
        }
    }
}
