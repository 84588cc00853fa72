using System.Globalization;
using System.Net;
using Microsoft.Extensions.Hosting;
using SmtpShield.State;

namespace SmtpShield.Clients;

/// <summary>
/// Keeps <see cref="Exemptions"/> over a restart, in the file <c>exemptions</c> of the state directory: read at start, written before a command is answered. A
/// line is <c>PREFIX SINCE UNTIL "BY" "WHY"</c>, times in seconds since 1970.
/// </summary>
internal sealed class ExemptionFile : IHostedService
{
    private readonly Exemptions _exemptions;
    private readonly StateFile _file;
    private readonly TimeProvider _time;

    /// <summary>Reads the file.</summary>
    public ExemptionFile(Exemptions exemptions, StateDirectory directory, TimeProvider time)
    {
        (_exemptions, _time) = (exemptions, time);
        IsKept = directory.Path is not null;
        _file = directory.Open("exemptions", () => _exemptions.All.Select(Line));
        var number = 0;
        foreach (var line in _file.Load())
        {
            number++;
            if (!TryRead(line))
                _file.Skip(number);
        }

        exemptions.Ended += _ => _file.NoteChange();
        exemptions.Changed += (_, change) =>
        {
            // Who changes one here saves it before he is answered.
            if (change is ExemptionChange.MadeElsewhere or ExemptionChange.RemovedElsewhere)
                _file.NoteChange();
        };
    }

    /// <summary>Whether there is a place to keep them.</summary>
    public bool IsKept { get; }

    /// <summary>Writes them. When it returns true the disk has them, or nothing is kept.</summary>
    public bool Save() => _file.Save();

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static string Line(Exemption exemption)
    {
        var (since, until) = (exemption.Since.ToUnixTimeSeconds(), Up(exemption.Until));
        return string.Create(CultureInfo.InvariantCulture,
            $"{exemption.Prefix.Address}/{exemption.Prefix.PrefixLength} {since} {until} {Quoted.Text(exemption.By)} {Quoted.Text(exemption.Why ?? "")}");
    }

    private static long Up(DateTimeOffset time) => time.AddTicks(TimeSpan.TicksPerSecond - 1).ToUnixTimeSeconds();

    private bool TryRead(string line)
    {
        if (line.Split(' ', 4) is not [var prefix, var from, var to, var words] || !IPNetwork.TryParse(prefix, out var network)
            || network.ToString() != prefix || network.BaseAddress.IsIPv4MappedToIPv6
            || !TryTime(from, out var since) || !TryTime(to, out var until) || since > until)
        {
            return false;
        }

        ReadOnlySpan<char> rest = words;
        if (!Quoted.TryTake(ref rest, out var by) || !Quoted.TryTake(ref rest, out var why) || !rest.IsEmpty)
            return false;

        // Where the clock was set back since, it lasts no longer than it was to.
        var now = _time.GetUtcNow();
        if (since > now)
            (since, until) = (now, now + (until - since));
        var range = ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
        return until <= now || _exemptions.TryAdd(new(range, since, until, by, why.Length > 0 ? why : null), out _);
    }

    private static bool TryTime(string text, out DateTimeOffset time)
    {
        var isTime = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds();
        time = isTime ? DateTimeOffset.FromUnixTimeSeconds(seconds) : default;
        return isTime;
    }
}
