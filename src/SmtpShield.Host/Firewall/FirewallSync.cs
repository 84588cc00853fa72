using System.Net;
using System.Text;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Changes;
using SmtpShield.Host.Commands;

namespace SmtpShield.Host.Firewall;

/// <summary>
/// Feeds the kernel with the bans of a running shield. It asks for what has changed four times a second, and tells nft; elements have the ban's time, and end
/// by themselves. It only speeds up what the shield does anyway: whatever fails here, the shield refuses the banned itself.
/// </summary>
/// <param name="ask">Asks the shield; null: nobody answers.</param>
/// <param name="program">Which nft.</param>
/// <param name="minLevel">The level from which on automatic bans are given to the kernel.</param>
/// <param name="time">The clock.</param>
/// <param name="say">Where a line for the log goes.</param>
internal sealed class FirewallSync(
    Func<HttpMethod, string, string?, CancellationToken, Task<ControlAnswer?>> ask, string program, int minLevel, TimeProvider time, Action<string> say)
    : IDisposable
{
    /// <summary>Prefixes in one batch; more take several.</summary>
    public const int Batch = 500;

    private static readonly TimeSpan _between = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _again = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _betweenReports = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _betweenLooks = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _farewell = TimeSpan.FromSeconds(2);

    private readonly Dictionary<IPNetwork, (DateTimeOffset Until, bool IsAuto)> _banned = [];
    private readonly Dictionary<IPNetwork, DateTimeOffset> _nets = [];
    private HashSet<IPNetwork>? _unseen;
    private NftProcess? _nft;
    private long _revision = -1;
    private string _spared = "";
    private string _ports = "";
    private string _lastProblem = "";
    private bool _isOwner;
    private bool _hasChanged;
    private long _lookedAt;
    private long _triedAt;
    private long _reportedAt;

    /// <summary>Goes on until it is told to stop.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                await TurnAsync(cancellationToken);
                await Task.Delay(_nft is null ? _betweenReports : _between, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // It was told to stop.
        }

        using var deadline = new CancellationTokenSource(_farewell, time);
        if (_nft is not null && !_isOwner)
            await _nft.TellAsync(NftScript.Remove(), CancellationToken.None);
        End();
        await ReportAsync(isStopped: true, deadline.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Asks once, and tells nft what has changed.</summary>
    /// <returns>What is wrong; empty: nothing.</returns>
    public async Task<string> StepAsync(CancellationToken cancellationToken)
    {
        if (await IsGoneAsync(cancellationToken))
        {
            End();
            Say("somebody has taken the table away; it is made again");
        }

        if (_nft is null && await BeginAsync(cancellationToken) is { Length: > 0 } whyNot)
            return whyNot;
        var after = "";
        // That of the first page: who is unbanned while the others come is asked for again.
        long? revision = null;
        do
        {
            if (await ask(HttpMethod.Get, $"v1/firewall?since={_revision}&min_level={minLevel}{after}", null, cancellationToken) is not { } answer)
                return "no shield answers; what was dropped is dropped until its time is over";
            if (!answer.IsDone)
                return $"the shield answers: {answer.Text.Trim()}";
            var bans = JsonSerializer.Deserialize(answer.Text, ControlJson.Default.KernelBans)!;
            _hasChanged |= bans.Whole || bans.Bans.Count > 0;
            if (await TellAsync(ScriptsOf(bans, isFirst: after.Length == 0), cancellationToken) is { Length: > 0 } complaint)
            {
                End();
                return complaint;
            }

            after = bans.After is { } cursor ? $"&after={Uri.EscapeDataString(cursor)}" : "";
            revision ??= bans.Revision;
        }
        while (after.Length > 0);
        _revision = revision.Value;
        return "";
    }

    /// <summary>The table goes with nft.</summary>
    public void Dispose() => End();

    private async Task TurnAsync(CancellationToken cancellationToken)
    {
        if (_nft is not null || _lastProblem.Length == 0 || time.GetElapsedTime(_triedAt) >= _again)
        {
            _triedAt = time.GetTimestamp();
            var problem = await StepAsync(cancellationToken);
            if (problem.Length > 0 && problem != _lastProblem)
                Say(problem);
            _hasChanged |= problem != _lastProblem;
            _lastProblem = problem;
        }

        if (_hasChanged || time.GetElapsedTime(_reportedAt) >= _betweenReports)
            await ReportAsync(isStopped: false, cancellationToken);
    }

    private async Task<string> BeginAsync(CancellationToken cancellationToken)
    {
        _nft = NftProcess.Start(program, time, out var whyNot);
        if (_nft is null)
            return $"{whyNot} (install nftables; the shield refuses the banned without it)";
        if (await MakeAsync(_nft, cancellationToken) is not { Length: > 0 } complaint)
            return "";
        End();
        return $"{complaint} (it needs CAP_NET_ADMIN; the shield refuses the banned without it)";
    }

    private async Task<string> MakeAsync(NftProcess nft, CancellationToken cancellationToken)
    {
        if (await nft.TellAsync(NftScript.Remove(), cancellationToken) is { Length: > 0 } complaint)
            return complaint;
        var whyNotOwn = await nft.TellAsync(NftScript.Own(), cancellationToken);
        _isOwner = whyNotOwn.Length == 0;
        if (!_isOwner && await nft.TellAsync(NftScript.Share(), cancellationToken) is { Length: > 0 } whyNot)
            return whyNot;
        if (!_isOwner)
        {
            Say($"the table has no owner, and whoever flushes all rules takes it away, for {_betweenLooks.TotalSeconds:0} s: "
                + $"{whyNotOwn} (it needs Linux 5.12)");
        }

        _lookedAt = time.GetTimestamp();
        return await nft.TellAsync(NftScript.Begin(), cancellationToken);
    }

    // Without an owner.
    private async Task<bool> IsGoneAsync(CancellationToken cancellationToken)
    {
        if (_nft is null || _isOwner || time.GetElapsedTime(_lookedAt) < _betweenLooks)
            return false;
        _lookedAt = time.GetTimestamp();
        return await _nft.TellAsync(NftScript.Look(), cancellationToken) is { Length: > 0 };
    }

    // What a person and monitoring see of it. Nobody waits for an answer.
    private async Task ReportAsync(bool isStopped, CancellationToken cancellationToken)
    {
        (_hasChanged, _reportedAt) = (false, time.GetTimestamp());
        var now = time.GetUtcNow();
        var auto = _banned.Values.Count(ban => ban.IsAuto && ban.Until > now);
        var report = new FirewallReport(Environment.ProcessId, minLevel, auto, _banned.Values.Count(ban => !ban.IsAuto && ban.Until > now), _isOwner, isStopped,
            _nft is null && !isStopped ? _lastProblem[..Math.Min(_lastProblem.Length, ChangeRequest.LongestWhy)] : null);
        await ask(HttpMethod.Post, "v1/firewall", JsonSerializer.Serialize(report, RequestJson.Default.FirewallReport), cancellationToken);
    }

    private void Say(string text) => say($"smtpshield firewall: {text}");

    private void End()
    {
        _nft?.Dispose();
        _nft = null;
        _banned.Clear();
        _nets.Clear();
        (_revision, _spared, _ports, _unseen) = (-1, "", "", null);
    }

    private async Task<string> TellAsync(IEnumerable<string> scripts, CancellationToken cancellationToken)
    {
        foreach (var script in scripts)
        {
            if (await _nft!.TellAsync(script, cancellationToken) is { Length: > 0 } complaint)
                return complaint;

            // Of a million bans there are two thousand scripts.
            if (time.GetElapsedTime(_reportedAt) >= _betweenReports)
                await ReportAsync(isStopped: false, cancellationToken);
        }

        return "";
    }

    // Who passes first, so that nobody is dropped who may not be.
    private IEnumerable<string> ScriptsOf(KernelBans bans, bool isFirst)
    {
        var script = new StringBuilder();
        if (isFirst && string.Join(' ', bans.Spared) is var spared && spared != _spared)
        {
            NftScript.AppendSpared(script, [.. Apart(bans.Spared.Select(Parse).OfType<IPNetwork>())]);
            _spared = spared;
        }

        if (isFirst && string.Join(' ', bans.Ports) is var ports && ports != _ports)
        {
            NftScript.AppendPorts(script, bans.Ports);
            _ports = ports;
        }

        if (script.Length > 0)
            yield return script.ToString();

        var now = time.GetUtcNow();
        foreach (var ended in _banned.Where(one => one.Value.Until <= now).Select(static one => one.Key).ToList())
            _banned.Remove(ended);
        if (isFirst)
            _unseen = bans.Whole ? [.. _banned.Keys] : null;
        var lifted = new List<IPNetwork>();
        var made = new List<NftBan>();
        foreach (var ban in bans.Bans)
        {
            if (Parse(ban.Prefix) is not { } prefix)
                continue;
            if (ban.LeftS > 0)
            {
                made.Add(new(prefix, ban.LeftS));
                _unseen?.Remove(prefix);
                _banned[prefix] = (now.AddSeconds(ban.LeftS), ban.Auto ?? false);
            }
            else if (_banned.Remove(prefix))
            {
                lifted.Add(prefix);
            }
        }

        // Who is on no page is banned no more.
        if (bans.After is null && _unseen is { } unseen)
        {
            lifted.AddRange(unseen.Where(_banned.Remove));
            _unseen = null;
        }

        foreach (var some in lifted.Where(prefix => !IsNet(prefix)).Chunk(Batch))
            yield return Script(text => NftScript.AppendLifted(text, some));
        foreach (var some in made.Where(static ban => !IsNet(ban.Prefix)).Chunk(Batch))
            yield return Script(text => NftScript.AppendBans(text, some));
        if (lifted.Exists(IsNet) || made.Exists(static ban => IsNet(ban.Prefix)) || _nets.Values.Any(until => until <= now))
        {
            foreach (var text in NetsOf(now))
                yield return text;
        }
    }

    // Intervals of a set may not overlap: the widest ones are in it, and one inside comes when the one around it has gone.
    private IEnumerable<string> NetsOf(DateTimeOffset now)
    {
        var widest = Apart(_banned.Keys.Where(IsNet)).ToHashSet();
        var gone = _nets.Keys.Where(prefix => !widest.Contains(prefix)).ToList();
        var made = widest.Where(prefix => !_nets.TryGetValue(prefix, out var until) || until != _banned[prefix].Until)
            .Select(prefix => new NftBan(prefix, Math.Max(1, (long)(_banned[prefix].Until - now).TotalSeconds))).ToList();
        _nets.Clear();
        foreach (var prefix in widest)
            _nets[prefix] = _banned[prefix].Until;
        foreach (var some in gone.Chunk(Batch))
            yield return Script(text => NftScript.AppendLifted(text, some));
        foreach (var some in made.Chunk(Batch))
            yield return Script(text => NftScript.AppendBans(text, some));
    }

    private static bool IsNet(IPNetwork prefix) => NftScript.IsNet(prefix);

    // Those that no other one is around: looked up once for each shorter length there is.
    private static IEnumerable<IPNetwork> Apart(IEnumerable<IPNetwork> prefixes)
    {
        var all = prefixes.ToHashSet();
        var lengths = all.Select(static prefix => (prefix.BaseAddress.AddressFamily, prefix.PrefixLength)).Distinct().ToList();
        return all.Where(prefix => !lengths.Exists(length => length.AddressFamily == prefix.BaseAddress.AddressFamily
            && length.PrefixLength < prefix.PrefixLength && all.Contains(Around(prefix, length.PrefixLength))));
    }

    private static IPNetwork Around(IPNetwork prefix, int length)
    {
        var octets = prefix.BaseAddress.GetAddressBytes();
        for (var i = 0; i < octets.Length; i++)
            octets[i] &= (byte)(0xff00 >> Math.Clamp(length - 8 * i, 0, 8));
        return new(new IPAddress(octets), length);
    }

    private static string Script(Action<StringBuilder> write)
    {
        var script = new StringBuilder();
        write(script);
        return script.ToString();
    }

    /// <summary>Reads a prefix as the shield writes it. It is printed anew from what was read: nothing else of an answer gets to nft.</summary>
    /// <returns>Null: it is none.</returns>
    internal static IPNetwork? Parse(string text)
    {
        var whole = text.Contains('/', StringComparison.Ordinal) ? text : text + (text.Contains(':', StringComparison.Ordinal) ? "/128" : "/32");
        return IPNetwork.TryParse(whole, out var prefix) && prefix.ToString() == whole ? prefix : null;
    }
}
