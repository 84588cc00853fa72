using System.Net;

namespace SmtpShield.Testing.Outside;

/// <summary>How many connections a server has at the most, looked at each 10 ms on a thread of its own.</summary>
public sealed class SessionSampler : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(10);
    private readonly ManualResetEventSlim _over = new();
    private readonly TcpTable _table = TcpTable.Open();
    private readonly Thread _thread;
    private volatile int _most;
    private volatile int _samples;

    private SessionSampler(int port)
    {
        _thread = new(() => Look(port)) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>The most connections seen.</summary>
    public int Most => _most;

    /// <summary>How often it has looked.</summary>
    public int Samples => _samples;

    /// <summary>Begins to look at a server of this host.</summary>
    public static SessionSampler Start(IPEndPoint server) => new(server.Port);

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _over.Set();
        _thread.Join();
        _table.Dispose();
        _over.Dispose();
    }

    private void Look(int port)
    {
        TimeSpan taken;
        do
        {
            var begin = TimeProvider.System.GetTimestamp();
            _most = Math.Max(_most, _table.ConnectionsTo(port));
            _samples++;
            taken = TimeProvider.System.GetElapsedTime(begin);
        }
        while (!_over.Wait(taken < s_interval ? s_interval - taken : TimeSpan.Zero));
    }
}
