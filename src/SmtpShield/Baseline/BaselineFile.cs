using Microsoft.Extensions.Hosting;
using SmtpShield.State;

namespace SmtpShield.Baseline;

/// <summary>
/// Keeps <see cref="Baselines"/> over a restart, in the file <c>baseline</c> of the state directory: read at start, written each hour and at the end.
/// </summary>
internal sealed class BaselineFile : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromHours(1);

    private readonly StateFile _file;
    private readonly TimeProvider _time;

    /// <summary>Reads the file.</summary>
    public BaselineFile(Baselines baselines, StateDirectory directory, TimeProvider time)
    {
        _time = time;
        _file = directory.Open("baseline", baselines.Lines);
        foreach (var (index, line) in _file.Load().Index())
        {
            if (!baselines.TryRestore(line))
                _file.Skip(index + 1);
        }
    }

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _file.Save();
        return base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var hours = new PeriodicTimer(s_interval, _time);
        try
        {
            while (await hours.WaitForNextTickAsync(stoppingToken))
                _file.Save();
        }
        catch (OperationCanceledException)
        {
            // The shield ends.
        }
    }
}
