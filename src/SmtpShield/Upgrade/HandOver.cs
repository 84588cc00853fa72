using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using SmtpShield.Hosting;
using SmtpShield.Listening;
using SmtpShield.Options;
using SmtpShield.State;
using SmtpShield.Transport;

namespace SmtpShield.Upgrade;

/// <summary>
/// Leaves the clients that come to a new process. That is started by this one, has its listening sockets from the start, and reads the configuration; then this
/// one accepts no more, gives it what it knows, and waits until it has started. Clients wait meanwhile in the listen queues, which are the sockets' and not a
/// process's. When it accepts, this one closes its own end of the sockets and serves the clients it has to their end. Whatever goes wrong before that: this one
/// accepts again.
/// </summary>
internal sealed partial class HandOver(
    SuccessorProgram program, IEnumerable<IListeningSockets> listening, AcceptLoops loops, StateDirectory state, IEnumerable<IHandedOver> known,
    ConfigurationStateFile configuration, ConnectionDrain drain, SystemdNotifier systemd, IHostApplicationLifetime lifetime, ShieldSnapshot snapshot,
    TimeProvider time, ILogger<HandOver> log)
{
    // For a program that reads its configuration, and starts, on a machine that is busy.
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    // In which clients wait.
    private static readonly TimeSpan TurnLimit = TimeSpan.FromSeconds(30);

    // What changes in the sessions that are left, and in those of the new one that are of the same clients.
    private readonly HandOverNews _news = new(known, HandOverSide.Successor);

    private int _isBegun;

    /// <summary>Whether it has come about: this process has no listening sockets any more.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Hands over.</summary>
    /// <param name="by">Who wants it.</param>
    /// <returns>Who serves clients now.</returns>
    /// <exception cref="HandOverException">This process goes on.</exception>
    public async Task<HandOverReport> RunAsync(string by)
    {
        if (Interlocked.Exchange(ref _isBegun, 1) != 0)
            throw new HandOverException(IsDone ? "this process has handed over already" : "another upgrade is under way");
        try
        {
            var report = await HandOverAsync(by);
            IsDone = true;
            return report;
        }
        catch (HandOverException exception)
        {
            foreach (var reason in exception.Reasons)
                Log.NotHandedOver(log, by, reason);
            throw;
        }
        finally
        {
            if (!IsDone)
            {
                _news.End();
                loops.LetThrough();
                Volatile.Write(ref _isBegun, 0);
            }
        }
    }

    private async Task<HandOverReport> HandOverAsync(string by)
    {
        if (Environment.ProcessId == 1)
            throw new HandOverException("this is process 1 of its container, which ends with it: start another container instead");
        var stopping = lifetime.ApplicationStopping;
        if (drain.HasBegun)
            throw new HandOverException("the shield stops");

        // From here on they are passed on to whatever this process starts, which is nothing but a successor.
        var sockets = listening.SelectMany(static one => one.Sockets).ToList();
        foreach (var socket in sockets)
            DescriptorInheritance.Set(socket.SafeHandle, isPassedOn: true);
        var successor = program.Start();
        try
        {
            await successor.WaitUntilCheckedAsync(StartLimit, time, stopping);
            loops.Hold();
            _news.Begin();
            await GiveAsync(successor, sockets, by, stopping);
            await successor.TellAsync(HandOverWords.Go, HandOverWords.Ready, TurnLimit, time, stopping);
            await successor.TellAsync(HandOverWords.Take, HandOverWords.Serving, TurnLimit, time, CancellationToken.None);
        }
        catch
        {
            successor.Dispose();
            throw;
        }

        foreach (var one in listening)
            one.Leave();
        state.Leave();
        configuration.Leave();
        systemd.LeaveTo(successor.Id);
        await successor.TellAsync(HandOverWords.Left);
        var sessions = drain.Connections;
        Log.HandedOver(log, successor.Id, successor.Version, by, sessions);
        _ = FinishAsync(successor);
        return new(ShieldConfigurationWatcher.Version, Environment.ProcessId, successor.Version, successor.Id, sessions);
    }

    private async Task GiveAsync(Successor successor, List<Socket> sockets, string by, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(TurnLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
        try
        {
            foreach (var line in Known(sockets, by))
                await successor.GiveAsync(line, either.Token);
        }
        catch (OperationCanceledException)
        {
            throw new HandOverException(stopping.IsCancellationRequested ? "the shield stops" : "the new program does not take what it is given");
        }
    }

    private IEnumerable<string> Known(List<Socket> sockets, string by)
    {
        yield return string.Create(CultureInfo.InvariantCulture,
            $"{HandOverWords.Head} {HandOverWords.Version} {ShieldConfigurationWatcher.Version} {Environment.ProcessId}");
        yield return HandOverWords.Hears;
        yield return $"{HandOverWords.By} {by}";
        foreach (var socket in sockets)
            yield return string.Create(CultureInfo.InvariantCulture, $"{HandOverWords.Socket} {socket.SafeHandle.DangerousGetHandle()}");
        foreach (var (name, lines) in state.Everything().Concat(known.Select(static one => (one.Name, one.Lines()))))
        {
            yield return $"{HandOverWords.State} {name}";
            foreach (var line in lines)
                yield return $" {line}";
        }
    }

    // What has come to this process is served as ever, for as long as a drain may last; then the usual end begins.
    private async Task FinishAsync(Successor successor)
    {
        var news = ExchangeNewsAsync(successor);
        await loops.WhenEnded;
        await ((Task)drain.WhenEmpty.WaitAsync(snapshot.Current.Listener.DrainTimeout, time, lifetime.ApplicationStopping))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lifetime.StopApplication();

        // The end of the process ends the rest.
        await news;
    }

    private async Task ExchangeNewsAsync(Successor successor)
    {
        using (successor)
            await Task.WhenAll(successor.TellAsync(_news, CancellationToken.None), successor.HearAsync(_news, CancellationToken.None));
    }

    private static partial class Log
    {
        [LoggerMessage(2400, LogLevel.Information, "upgrade: process {Process} (version {Version}) has taken over by {By}; finishing {Connections} connections",
            EventName = "HandedOver")]
        public static partial void HandedOver(ILogger logger, int process, string version, string by, int connections);

        [LoggerMessage(2401, LogLevel.Warning, "upgrade by {By} failed, this process goes on: {Reason}", EventName = "NotHandedOver")]
        public static partial void NotHandedOver(ILogger logger, string by, string reason);
    }
}
