using System.Net;
using Microsoft.Extensions.Logging;
using SmtpShield.Clients;
using SmtpShield.State;

namespace SmtpShield.Limits.Shared;

/// <summary>A client that an operator exempts at one shield is exempt at all of them until the same time, or until one of them ends it.</summary>
/// <remarks>The key is <c>allow ADDRESS/LENGTH</c>, the text <c>"BY" "WHY"</c>. That one was ended is told for ten minutes, to who was away.</remarks>
internal sealed partial class SharedExemptions : ISharedEntries
{
    /// <summary>For how long a shield that comes back hears that an exemption was ended.</summary>
    public static readonly TimeSpan EndedFor = TimeSpan.FromMinutes(10);

    /// <summary>The longest that others are believed: as long as one may last.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    private const char Exempt = 'e';
    private const char Over = 'o';
    private const string First = "allow";
    private const int LongestText = 1000;

    private readonly Exemptions _exemptions;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private volatile Action<string, Func<SharedEntry?>>? _tell;

    /// <summary>Follows the exemptions.</summary>
    public SharedExemptions(Exemptions exemptions, TimeProvider time, ILogger<SharedExemptions> log)
    {
        (_exemptions, _time, _log) = (exemptions, time, log);
        exemptions.Changed += Note;
    }

    /// <inheritdoc/>
    public void Follow(Action<string, Func<SharedEntry?>>? tell) => _tell = tell;

    /// <inheritdoc/>
    public IEnumerable<(string Key, Func<SharedEntry?> Entry)> All() => _exemptions.All.Select(ToTell);

    /// <inheritdoc/>
    public bool TryTake(in SharedEntry entry)
    {
        if (entry.Key.Split(' ') is not [First, var prefix] || !IPNetwork.TryParse(prefix, out var network) || network.ToString() != prefix
            || network.BaseAddress.IsIPv4MappedToIPv6)
        {
            return false;
        }

        var range = ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
        var (now, age) = (_time.GetUtcNow(), entry.Age > TimeSpan.Zero ? entry.Age : TimeSpan.Zero);
        if (entry.Kind == Over)
        {
            _exemptions.RemoveOlder(range, now - age);
            return true;
        }

        ReadOnlySpan<char> words = entry.Text;
        if (entry.Kind != Exempt || entry.Left > Longest || age > Longest || entry.Text.Length > LongestText
            || !Quoted.TryTake(ref words, out var by) || !Quoted.TryTake(ref words, out var why) || !words.IsEmpty || by.Length == 0)
        {
            return false;
        }

        _exemptions.TakeOver(new(range, now - age, now + entry.Left, by, why.Length > 0 ? why : null));
        return true;
    }

    private static string KeyOf(in ClientRange prefix) => $"{First} {prefix.Address}/{prefix.PrefixLength}";

    // One that has ended, or was changed, when it is told is told as it is then.
    private (string Key, Func<SharedEntry?> Entry) ToTell(Exemption exemption) => (KeyOf(exemption.Prefix), () =>
    {
        var now = _time.GetUtcNow();
        return _exemptions.Of(exemption.Prefix) is { } its
            ? new SharedEntry(KeyOf(its.Prefix), Exempt, now - its.Since, its.Until - now, $"{Quoted.Text(its.By)} {Quoted.Text(its.Why ?? "")}")
            : null;
    });

    private void Note(Exemption exemption, ExemptionChange change)
    {
        switch (change)
        {
            case ExemptionChange.Made:
                var (made, entry) = ToTell(exemption);
                _tell?.Invoke(made, entry);
                break;
            case ExemptionChange.Removed:
                var (key, at) = (KeyOf(exemption.Prefix), _time.GetTimestamp());
                _tell?.Invoke(key, () => new SharedEntry(key, Over, _time.GetElapsedTime(at), EndedFor - _time.GetElapsedTime(at), ""));
                break;
            case ExemptionChange.MadeElsewhere:
                Log.Exempted(_log, $"{exemption.Prefix}", (long)(exemption.Until - _time.GetUtcNow()).TotalSeconds, exemption.By);
                break;
            default:
                Log.Ended(_log, $"{exemption.Prefix}");
                break;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1328, LogLevel.Information, "allow: {Prefix} for {Seconds}s by {By}, told by another shield", EventName = "ExemptedElsewhere")]
        public static partial void Exempted(ILogger logger, string prefix, long seconds, string by);

        [LoggerMessage(1329, LogLevel.Information, "allow: {Prefix} ended by another shield", EventName = "ExemptionEndedElsewhere")]
        public static partial void Ended(ILogger logger, string prefix);
    }
}
