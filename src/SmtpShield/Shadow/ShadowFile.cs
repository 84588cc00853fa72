using SmtpShield.Options;
using SmtpShield.State;

namespace SmtpShield.Shadow;

/// <summary>What limits in shadow would have done at a service.</summary>
internal delegate ShadowBook ShadowBookOf(string service);

/// <summary>
/// Keeps what limits in shadow would have done over a restart, in the file <c>shadow</c> of the state directory: read at start, written each minute in which
/// something has happened, at the end, and when somebody begins anew. One that is not understood as a whole is put aside: a part of it would be a report that
/// is wrong.
/// </summary>
internal sealed class ShadowFile : RegularStateFile
{
    /// <summary>How often it is written, where something has happened.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly ShieldSnapshot _snapshot;
    private readonly ShadowBookOf _bookOf;
    private long _written;

    /// <summary>Reads the file.</summary>
    public ShadowFile(ShieldSnapshot snapshot, ShadowBookOf bookOf, StateDirectory directory, TimeProvider time)
        : base(directory, "shadow", Interval, time)
    {
        (_snapshot, _bookOf) = (snapshot, bookOf);
        var lines = new ShadowLines();
        foreach (var (index, line) in Kept.Load().Index())
        {
            if (lines.TryRead(line))
                continue;
            Kept.PutAside($"line {index + 1} is not understood");
            return;
        }

        if (!lines.IsWhole)
        {
            Kept.PutAside("its end is missing");
            return;
        }

        foreach (var (service, kept) in lines.Services.Where(one => snapshot.Served.Contains(one.Key)))
            bookOf(service).Restore(kept);
    }

    /// <summary>Writes it. When it returns true the disk has it, or nothing is kept.</summary>
    public bool Save() => Kept.Save();

    /// <inheritdoc/>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        var stopped = base.StopAsync(cancellationToken);
        // Sessions that are left go on: once more when they have ended.
        Kept.NoteChange();
        return stopped;
    }

    /// <inheritdoc/>
    protected override bool HasChanged => Changes != _written;

    /// <inheritdoc/>
    protected override IEnumerable<string> Lines()
    {
        // What happens while it is written is written the next time.
        _written = Changes;
        return ShadowLines.Write(_snapshot.Served.Select(service => (service, _bookOf(service).Keep())));
    }

    private long Changes => _snapshot.Served.Sum(service => _bookOf(service).Changes);
}
