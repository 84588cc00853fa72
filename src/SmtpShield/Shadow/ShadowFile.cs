using Microsoft.Extensions.Hosting;
using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Shadow;

/// <summary>What limits in shadow would have done at a service.</summary>
internal delegate ShadowBook ShadowBookOf(string service);

/// <summary>
/// Keeps what limits in shadow would have done over a restart, in the file <c>shadow</c> of the state directory: read at start, written each hour, at the end,
/// and when somebody begins anew. One that is not understood as a whole is put aside: a part of it would be a report that is wrong.
/// </summary>
internal sealed class ShadowFile : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromHours(1);

    private readonly ShieldSnapshot _snapshot;
    private readonly ShadowBookOf _bookOf;
    private readonly StateFile _file;
    private readonly TimeProvider _time;

    /// <summary>Reads the file.</summary>
    public ShadowFile(ShieldSnapshot snapshot, ShadowBookOf bookOf, StateDirectory directory, TimeProvider time)
    {
        (_snapshot, _bookOf, _time) = (snapshot, bookOf, time);
        _file = directory.Open("shadow", Lines);
        var lines = new ShadowLines();
        foreach (var (index, line) in _file.Load().Index())
        {
            if (lines.TryRead(line))
                continue;
            _file.PutAside($"line {index + 1} is not understood");
            return;
        }

        if (!lines.IsWhole)
        {
            _file.PutAside("its end is missing");
            return;
        }

        foreach (var (service, kept) in lines.Services.Where(one => snapshot.Served.Contains(one.Key)))
            bookOf(service).Restore(kept);
    }

    /// <summary>Writes it. When it returns true the disk has it, or nothing is kept.</summary>
    public bool Save() => _file.Save();

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _file.Save();
        // Sessions that are left go on: once more when they have ended.
        _file.NoteChange();
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

    private IEnumerable<string> Lines() => ShadowLines.Write(_snapshot.Served.Select(service => (service, _bookOf(service).Keep())));
}
