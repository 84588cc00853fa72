using System.Globalization;
using SmtpShield.Options;
using StackExchange.Redis;

namespace SmtpShield.Limits.Shared;

/// <summary>A store in Redis or Valkey, from 6.0 on: one script, called by its hash. All that knows of the client library.</summary>
/// <remarks>Everything is awaited with a timeout: no thread waits for the store. Nothing a client has said is sent to it.</remarks>
internal sealed class RedisStore : ISharedStore
{
    private const int FirstRecord = 3;
    private const int AnswerLength = 13;
    private const int EntryAnswerLength = 6;
    private const int EntryWords = 5;
    private const int LongestReason = 200;

    // The year 5138: what is later is no time.
    private const long LatestTime = 100_000_000_000_000;

    private readonly ConfigurationOptions _configuration;
    private readonly ExchangeScript _script;
    private readonly ExchangeScript _entries;
    private readonly string _prefix;
    private ConnectionMultiplexer? _connection;
    private volatile string? _failure;

    /// <summary>Makes it; nothing is connected yet.</summary>
    public RedisStore(SharedStoreAddress address, RedisStoreLogin login, string prefix, ExchangeScript script, ExchangeScript entries)
        : this(login.Configure(address), KeysOf(prefix), script, entries)
    {
    }

    /// <summary>Makes it; nothing is connected yet.</summary>
    /// <param name="configuration">The client library's settings.</param>
    /// <param name="keys">What all its keys begin with.</param>
    /// <param name="script">The script of exchanges.</param>
    /// <param name="entries">That of entries.</param>
    public RedisStore(ConfigurationOptions configuration, string keys, ExchangeScript script, ExchangeScript entries) =>
        (_configuration, _prefix, _script, _entries) = (configuration, keys, script, entries);

    /// <summary>What all keys of a farm begin with.</summary>
    public static string KeysOf(string prefix) => $"{prefix}:1:{{0}}:";

    /// <summary>Makes the one that the options name.</summary>
    /// <exception cref="SharedStoreException">A file it needs can't be read.</exception>
    public static RedisStore Of(SharingOptions options)
    {
        if (SharedStoreAddress.TryRead(options.Store, out var address) is { } wrong)
            throw new SharedStoreException(wrong);
        return new(address!, RedisStoreLogin.Of(options), options.Prefix, ExchangeScript.Embedded, ExchangeScript.Entries);
    }

    /// <inheritdoc/>
    public async Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call)
    {
        // Now: the caller goes on when it has waited for long enough, and uses what is in the call for the next one.
        var (keys, values, count) = (KeysOf(call), ValuesOf(call), call.Reports.Count);
        return await CallAsync(_script, keys, values, result => Read(result, count)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<EntryAnswer> TellAsync(EntryCall call) =>
        CallAsync(_entries, [_prefix + "b", _prefix + "bn", _prefix + "be", _prefix + "bs"], ValuesOf(call), ReadEntries);

    // Whatever comes of it is an answer, or says why there is none.
    private async Task<T> CallAsync<T>(ExchangeScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, T> read)
    {
        try
        {
            _connection ??= await ConnectAsync().ConfigureAwait(false);
            return read(await EvaluateAsync(script, _connection.GetDatabase(), keys, values).ConfigureAwait(false));
        }
        catch (RedisTimeoutException late)
        {
            throw new SharedStoreException("timeout", late);
        }
        catch (RedisServerException refused)
        {
            throw new SharedStoreException(Printable(refused.Message), refused);
        }
        catch (RedisConnectionException away)
        {
            throw new SharedStoreException($"no connection: {_failure ?? $"{away.FailureType}"}", away);
        }
        catch (Exception problem) when (problem is not SharedStoreException)
        {
            // Whatever the store makes the library throw is a store that can't be used, never the end of the exchange.
            throw new SharedStoreException($"a garbled answer: {problem.GetType().Name}", problem);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
            await _connection.DisposeAsync().ConfigureAwait(false);
    }

    // What was wrong with a connection is told to those who listen; who wants to use it hears that there is none.
    private async Task<ConnectionMultiplexer> ConnectAsync()
    {
        var connection = await ConnectionMultiplexer.ConnectAsync(_configuration).ConfigureAwait(false);
        connection.ConnectionFailed += (_, failed) => _failure = failed.FailureType.ToString();
        connection.ConnectionRestored += (_, _) => _failure = null;
        return connection;
    }

    private static async Task<RedisResult> EvaluateAsync(ExchangeScript script, IDatabase database, RedisKey[] keys, RedisValue[] values)
    {
        try
        {
            return await database.ScriptEvaluateAsync(script.Hash, keys, values).ConfigureAwait(false);
        }
        catch (RedisServerException unknown) when (unknown.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            await database.ExecuteAsync("SCRIPT", "LOAD", script.Text).ConfigureAwait(false);
            return await database.ScriptEvaluateAsync(script.Hash, keys, values).ConfigureAwait(false);
        }
    }

    private RedisKey[] KeysOf(ExchangeCall call)
    {
        var keys = new RedisKey[FirstRecord + call.Reports.Count];
        (keys[0], keys[1], keys[2]) = (_prefix + "m", _prefix + "l", _prefix + "h");
        for (var i = 0; i < call.Reports.Count; i++)
            keys[FirstRecord + i] = $"{_prefix}c:{ExchangeFormat.ClientOf(call.Reports[i].Key)}";
        return keys;
    }

    private RedisValue[] ValuesOf(ExchangeCall call) =>
    [
        call.Owner, call.Told, call.Sequence, call.Acknowledged, call.SteppedEpoch, (long)call.Unit.TotalMilliseconds, (long)call.Lease.TotalMilliseconds,
        call.Cursor, call.Epoch, call.NewEpoch, (long)call.Expiry.TotalMilliseconds,
        (call.Leaves ? 1 : 0) + (call.NamesMembers ? 2 : 0),
        ExchangeFormat.Services(call), call.Settings, ExchangeFormat.Reports(call), _prefix + "c:",
    ];

    private static ExchangeAnswer? Read(RedisResult result, int count)
    {
        if (result.IsNull || result.Length < 1)
            throw new SharedStoreException("a garbled answer");
        if ((string?)result[0] == "stale")
            return null;
        if (result.Length != AnswerLength || (string?)result[0] != "ok")
            throw new SharedStoreException("a garbled answer");

        var clients = Texts(result[9]);
        var news = ExchangeFormat.ReadCounts((byte[]?)result[10], clients.Length);
        return new()
        {
            Epoch = (string?)result[1] ?? "",
            Told = Number(result[2]),
            Time = Number(result[3]) is >= 0 and <= LatestTime and var now ? now : throw new SharedStoreException("an answer with a time that is none"),
            AsksForEverything = Number(result[4]) != 0,
            Deaths = Number(result[5]),
            Members = (int)Math.Clamp(Number(result[6]), 1, 10_000),
            Cursor = Number(result[7]),
            Counts = ExchangeFormat.ReadCounts((byte[]?)result[8], count),
            News = [.. clients.Zip(news)],
            Changes = Number(result[11]),
            MemberSettings = Texts(result[12]),
        };

    }

    private static RedisValue[] ValuesOf(EntryCall call)
    {
        List<RedisValue> values = [call.Owner, call.Epoch, call.Cursor, call.NewEpoch];
        foreach (var entry in call.Entries)
            values.AddRange([entry.Key, entry.Kind.ToString(), (long)entry.Age.TotalMilliseconds, (long)entry.Left.TotalMilliseconds, entry.Text]);
        return [.. values];
    }

    private static EntryAnswer ReadEntries(RedisResult result)
    {
        if (result.IsNull || result.Length != EntryAnswerLength || (string?)result[0] != "ok" || Texts(result[5]) is not { } words
            || words.Length % EntryWords != 0)
        {
            throw new SharedStoreException("a garbled answer");
        }

        return new()
        {
            Epoch = (string?)result[1] ?? "",
            IsKnown = Number(result[2]) != 0,
            Cursor = Number(result[3]),
            HasMore = Number(result[4]) != 0,
            Entries =
            [
                .. words.Chunk(EntryWords).Where(static one => one[1].Length == 1).Select(static one =>
                    new SharedEntry(one[0], one[1][0], Milliseconds(one[2]), Milliseconds(one[3]), one[4])),
            ],
        };
    }

    private static string[] Texts(RedisResult value) => [.. ((string?[]?)value ?? []).Select(static text => text ?? "")];

    private static long Number(RedisResult value) => Number((string?)value ?? "");

    private static long Number(string text) => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static TimeSpan Milliseconds(string text) => Number(text) is >= -LatestTime and <= LatestTime and var number
        ? TimeSpan.FromMilliseconds(number) : throw new SharedStoreException("an answer with a time that is none");

    private static string Printable(string message) => string.Concat(message.Take(LongestReason).Where(static letter => letter is >= ' ' and <= '~'));
}
