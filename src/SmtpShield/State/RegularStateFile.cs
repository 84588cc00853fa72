using Microsoft.Extensions.Hosting;

namespace SmtpShield.State;

/// <summary>A file of the state directory that is written each hour and at the end: what it has changes all the time, and an hour of it may be lost.</summary>
internal abstract class HourlyStateFile : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromHours(1);

    private readonly TimeProvider _time;

    /// <summary>Nothing is read or written by that.</summary>
    /// <param name="directory">Where it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="time">The clock.</param>
    protected HourlyStateFile(StateDirectory directory, string name, TimeProvider time) => (Kept, _time) = (directory.Open(name, Lines), time);

    /// <summary>The file.</summary>
    protected StateFile Kept { get; }

    /// <summary>What is to be in it.</summary>
    protected abstract IEnumerable<string> Lines();

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        Kept.Save();
        return base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var hours = new PeriodicTimer(s_interval, _time);
        try
        {
            while (await hours.WaitForNextTickAsync(stoppingToken))
                Kept.Save();
        }
        catch (OperationCanceledException)
        {
            // The shield ends.
        }
    }
}
