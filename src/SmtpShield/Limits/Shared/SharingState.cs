using Microsoft.Extensions.Logging;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>How counting together goes, for the log and for who asks: each store's part of it, and the farm's.</summary>
internal sealed partial class SharingState
{
    // Other shields' settings that were logged: one line for each change, whoever has it.
    private const int MostNews = 1000;

    private readonly Lock _gate = new();
    private readonly HashSet<string> _news = new(StringComparer.Ordinal);
    private readonly StoreMap _map;
    private readonly ShieldSnapshot _snapshot;
    private readonly ShieldFarm _farm;
    private readonly ILogger _log;
    private int _members = 1;

    /// <summary>Nothing is answered yet.</summary>
    /// <param name="map">The stores and their partitions.</param>
    /// <param name="exchanges">The exchange of each partition.</param>
    /// <param name="snapshot">The options.</param>
    /// <param name="farm">Is told how many shields there are.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">The log.</param>
    public SharingState(
        StoreMap map, IReadOnlyList<CounterExchange> exchanges, ShieldSnapshot snapshot, ShieldFarm farm, TimeProvider time, ILogger log)
    {
        (_map, Exchanges, _snapshot, _farm, _log) = (map, exchanges, snapshot, farm, log);
        Stores = [.. map.Stores.Select((address, store) => new StoreState($"{address}", OfStore(store), time))];

        List<CounterExchange> OfStore(int store) => [.. exchanges.Where((_, partition) => map.Partitions[partition].Store == store)];
    }

    /// <summary>The exchange of each partition.</summary>
    public IReadOnlyList<CounterExchange> Exchanges { get; }

    /// <summary>The stores.</summary>
    public IReadOnlyList<StoreState> Stores { get; }

    /// <summary>Shields that share, this one included: the most that any store knows which answers; when none does, as before.</summary>
    public int Members => Volatile.Read(ref _members);

    /// <summary>An exchange with a partition has come to its end.</summary>
    /// <param name="partition">An index of <see cref="StoreMap.Partitions"/>.</param>
    /// <param name="result">What has come of it.</param>
    public void Note(int partition, in ExchangeResult result)
    {
        lock (_gate)
        {
            var (store, number) = _map.Partitions[partition];
            if (result.Failure is { } failure)
                NoteFailure(Stores[store], number, failure);
            else
                NoteAnswer(Stores[store], partition, number, result);
        }
    }

    private void NoteFailure(StoreState store, int number, string failure)
    {
        if (!store.NoteFailure(number, failure))
            return;

        if (Stores.Count == 1)
            Log.DoesNotAnswer(_log, store.Name, store.Failure!);
        else
            Log.OneDoesNotAnswer(_log, store.Name, store.Failure!);
    }

    private void NoteAnswer(StoreState store, int partition, int number, in ExchangeResult result)
    {
        var isFirst = store.NoteAnswer(number, out var wasAway);
        var before = Members;
        if (Stores.Where(static one => one.IsAnswered).Select(static one => one.Members).DefaultIfEmpty(before).Max() is var members && members != before)
            Volatile.Write(ref _members, members);
        if (isFirst)
            Log.Joined(_log, store.Name, _snapshot.Current.Sharing.Name, store.Members);
        else if (wasAway is { } away)
            Log.AnswersAgain(_log, store.Name, (long)away.TotalSeconds, store.Members);
        else if (store.HasJoined && members != before)
            Log.MembersChanged(_log, members, before);
        if (result.Resend == ResendReason.Dead)
            Log.TakenForDead(_log, result.Resent);
        else if (result.Resend == ResendReason.Lost)
            Log.StoreLost(_log, _map.NameOf(partition), result.Resent);
        foreach (var other in result.Members ?? [])
        {
            if (SharingSettings.DifferenceIn(Exchanges[partition].Settings, other) is { } difference && _news.Count < MostNews && _news.Add(other))
                Log.SettingsDiffer(_log, SharingSettings.NameIn(other), difference);
        }

        _farm.Note(members);
    }

    private static partial class Log
    {
        [LoggerMessage(1320, LogLevel.Information, "shared counters: joined {Store} as {Name}; shields: {Members}", EventName = "SharingJoined")]
        public static partial void Joined(ILogger logger, string store, string name, int members);

        [LoggerMessage(1321, LogLevel.Warning, "shared counters: {Store} does not answer ({Reason}): limits count on this shield only",
            EventName = "SharedStoreAway")]
        public static partial void DoesNotAnswer(ILogger logger, string store, string reason);

        [LoggerMessage(1322, LogLevel.Information, "shared counters: {Store} answers again after {Seconds} s; shields: {Members}",
            EventName = "SharedStoreBack")]
        public static partial void AnswersAgain(ILogger logger, string store, long seconds, int members);

        [LoggerMessage(1323, LogLevel.Warning, "shared counters: this shield was taken for dead: {Records} clients are reported again",
            EventName = "TakenForDead")]
        public static partial void TakenForDead(ILogger logger, int records);

        [LoggerMessage(1324, LogLevel.Warning, "shared counters: {Store} has lost what it knew: {Records} clients are reported again",
            EventName = "SharedStoreLost")]
        public static partial void StoreLost(ILogger logger, string store, int records);

        [LoggerMessage(1325, LogLevel.Warning, "shared counters: {Name} has {Setting}, which must be the same on all shields", EventName = "SettingsDiffer")]
        public static partial void SettingsDiffer(ILogger logger, string name, string setting);

        [LoggerMessage(1326, LogLevel.Information, "shared counters: shields: {Members}, {Before} before", EventName = "MembersChanged")]
        public static partial void MembersChanged(ILogger logger, int members, int before);

        [LoggerMessage(1327, LogLevel.Warning, "shared counters: {Store} does not answer ({Reason}): limits of its clients count on this shield only",
            EventName = "OneSharedStoreAway")]
        public static partial void OneDoesNotAnswer(ILogger logger, string store, string reason);
    }
}
