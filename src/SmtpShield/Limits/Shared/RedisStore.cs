using SmtpShield.Options;
using StackExchange.Redis;

namespace SmtpShield.Limits.Shared;

/// <summary>
/// A store in Redis or Valkey, from 6.0 on, or a Redis Cluster: scripts, called by their hashes, over one connection to each node. It and
/// <see cref="RedisProbe"/> are all that knows the client library.
/// </summary>
/// <remarks>Everything is awaited with a timeout: no thread waits for the store. Nothing a client has said is sent to it.</remarks>
internal sealed class RedisStore : ISharedStore
{
    private const int LongestReason = 200;

    private readonly Func<ConfigurationOptions> _configure;
    private readonly string _prefix;
    private readonly SemaphoreSlim _connecting = new(1);
    private volatile ConnectionMultiplexer? _connection;
    private volatile string? _failure;

    /// <summary>Makes it; nothing is connected yet.</summary>
    /// <param name="configure">Makes the client library's settings, each time it is to connect; may throw <see cref="SharedStoreException"/>.</param>
    /// <param name="prefix">The farm; what else its keys begin with, <see cref="KeysOf"/> has.</param>
    /// <param name="exchanges">The script of exchanges.</param>
    /// <param name="entries">That of entries.</param>
    public RedisStore(Func<ConfigurationOptions> configure, string prefix, ExchangeScript exchanges, ExchangeScript entries) =>
        (_configure, _prefix, Exchanges, Entries) = (configure, prefix, exchanges, entries);

    /// <summary>The script of exchanges.</summary>
    public ExchangeScript Exchanges { get; }

    /// <summary>That of entries.</summary>
    public ExchangeScript Entries { get; }

    /// <summary>What all keys of a partition begin with: what is in braces says which node of a cluster has them.</summary>
    /// <param name="prefix">The farm.</param>
    /// <param name="partition">The partition.</param>
    public static string KeysOf(string prefix, int partition) => $"{prefix}:1:{{{partition}}}:";

    /// <summary>Makes the one that the options name.</summary>
    public static RedisStore Of(SharedStoreAddress address, SharingOptions options) =>
        new(() => RedisStoreLogin.Of(options).Configure(address), options.Prefix, ExchangeScript.Embedded, ExchangeScript.Entries);

    /// <inheritdoc/>
    public IStorePartition Partition(int number) => new RedisPartition(this, KeysOf(_prefix, number));

    /// <summary>Calls a script.</summary>
    /// <typeparam name="T">What it answers.</typeparam>
    /// <param name="script">The script.</param>
    /// <param name="keys">Its keys, of one partition.</param>
    /// <param name="values">Its other arguments.</param>
    /// <param name="read">Reads the answer.</param>
    /// <exception cref="SharedStoreException">Whatever comes of it that is no answer, and why there is none.</exception>
    public async Task<T> CallAsync<T>(ExchangeScript script, RedisKey[] keys, RedisValue[] values, Func<RedisResult, T> read)
    {
        try
        {
            var connection = _connection ?? await ConnectAsync().ConfigureAwait(false);
            return read(await EvaluateAsync(script, connection, keys, values).ConfigureAwait(false));
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
        if (_connection is { } connection)
            await connection.DisposeAsync().ConfigureAwait(false);
        _connecting.Dispose();
    }

    // Once for all partitions, whichever is the first. What was wrong with a connection is told to those who listen; who wants to use it hears that there is
    // none.
    private async Task<ConnectionMultiplexer> ConnectAsync()
    {
        await _connecting.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_connection is { } other)
                return other;

            var connection = await ConnectionMultiplexer.ConnectAsync(_configure()).ConfigureAwait(false);
            connection.ConnectionFailed += (_, failed) => _failure = failed.FailureType.ToString();
            connection.ConnectionRestored += (_, _) => _failure = null;
            return _connection = connection;
        }
        finally
        {
            _connecting.Release();
        }
    }

    private static async Task<RedisResult> EvaluateAsync(ExchangeScript script, ConnectionMultiplexer connection, RedisKey[] keys, RedisValue[] values)
    {
        var database = connection.GetDatabase();
        try
        {
            return await database.ScriptEvaluateAsync(script.Hash, keys, values).ConfigureAwait(false);
        }
        catch (RedisServerException unknown) when (unknown.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            // Each node of a cluster has its own, and a replica may be primary before that is known.
            await Task.WhenAll(connection.GetServers().Where(static node => node.IsConnected)
                .Select(node => node.ExecuteAsync("SCRIPT", "LOAD", script.Text))).ConfigureAwait(false);
            return await database.ScriptEvaluateAsync(script.Hash, keys, values).ConfigureAwait(false);
        }
    }

    private static string Printable(string message) => string.Concat(message.Take(LongestReason).Where(static letter => letter is >= ' ' and <= '~'));
}
