using System.Globalization;
using StackExchange.Redis;

namespace SmtpShield.Limits.Shared;

/// <summary>A partition of a store in Redis: the calls of its scripts, and what they answer.</summary>
/// <param name="store">The store.</param>
/// <param name="prefix">What all its keys begin with.</param>
internal sealed class RedisPartition(RedisStore store, string prefix) : IStorePartition
{
    private const int FirstRecord = 3;
    private const int AnswerLength = 13;
    private const int EntryAnswerLength = 6;
    private const int EntryWords = 5;

    // The year 5138: what is later is no time.
    private const long LatestTime = 100_000_000_000_000;

    /// <inheritdoc/>
    public async Task<ExchangeAnswer?> ExchangeAsync(ExchangeCall call)
    {
        // Now: the caller goes on when it has waited for long enough, and uses what is in the call for the next one.
        var (keys, values, count) = (KeysOf(call), ValuesOf(call), call.Reports.Count);
        return await store.CallAsync(store.Exchanges, keys, values, result => Read(result, count)).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<EntryAnswer> TellAsync(EntryCall call) =>
        store.CallAsync(store.Entries, [prefix + "b", prefix + "bn", prefix + "be", prefix + "bs"], ValuesOf(call), ReadEntries);

    private RedisKey[] KeysOf(ExchangeCall call)
    {
        var keys = new RedisKey[FirstRecord + call.Reports.Count];
        (keys[0], keys[1], keys[2]) = (prefix + "m", prefix + "l", prefix + "h");
        for (var i = 0; i < call.Reports.Count; i++)
            keys[FirstRecord + i] = $"{prefix}c:{ExchangeFormat.ClientOf(call.Reports[i].Key)}";
        return keys;
    }

    private RedisValue[] ValuesOf(ExchangeCall call) =>
    [
        call.Owner, call.Told, call.Sequence, call.Acknowledged, call.SteppedEpoch, (long)call.Unit.TotalMilliseconds, (long)call.Lease.TotalMilliseconds,
        call.Cursor, call.Epoch, call.NewEpoch, (long)call.Expiry.TotalMilliseconds,
        (call.Leaves ? 1 : 0) + (call.NamesMembers ? 2 : 0),
        ExchangeFormat.Services(call), call.Settings, ExchangeFormat.Reports(call), prefix + "c:",
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
}
