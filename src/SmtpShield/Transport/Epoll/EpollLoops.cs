using System.Net.Sockets;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>The loops of the program: one a processor, <see cref="MostLoops"/> at most.</summary>
[SupportedOSPlatform("linux")]
internal sealed class EpollLoops : IDisposable
{
    // More than a mail server's load needs; each is a thread.
    private const int MostLoops = 16;

    private readonly EpollLoop[] _loops;
    private uint _next;

    /// <summary>Starts them.</summary>
    /// <param name="processors">Processors the program may use.</param>
    /// <exception cref="SocketException">The system has no room for them.</exception>
    public EpollLoops(int processors)
    {
        _loops = new EpollLoop[Math.Clamp(processors, 1, MostLoops)];
        try
        {
            for (var index = 0; index < _loops.Length; index++)
            {
                _loops[index] = new();
                _loops[index].Start($"epoll {index}");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The loop with the fewest sockets; of several, each in its turn.</summary>
    public EpollLoop Pick()
    {
        var start = Interlocked.Increment(ref _next);
        EpollLoop? least = null;
        for (var index = 0u; index < _loops.Length; index++)
        {
            var loop = _loops[(start + index) % (uint)_loops.Length];
            if (least is null || loop.Count < least.Count)
                least = loop;
        }

        return least!;
    }

    /// <summary>Ends them.</summary>
    public void Dispose()
    {
        foreach (var loop in _loops)
            loop?.Dispose();
    }
}
