using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>
/// A thread that waits for many sockets and tells each one's handler what has become of it (epoll(7), edge triggered: a change is told once). A socket is
/// registered once, for everything, when it is made; closing it ends that.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class EpollLoop : IDisposable
{
    private const int MostEvents = 128;
    private const int Forever = -1;

    // The number of the loop's own wake-up; no handler has it.
    private const ulong WakeUp = 0;

    private const uint Everything = LinuxConstants.EpollIn | LinuxConstants.EpollOut | LinuxConstants.EpollReadHangUp | LinuxConstants.EpollPriority
        | LinuxConstants.EpollEdge;

    private static readonly ulong s_one = 1;

    private readonly Descriptor _epoll;
    private readonly Descriptor _wakeUp;
    private readonly EpollTable _table = new();
    private volatile bool _isStopped;

    /// <summary>Makes one, which does nothing before <see cref="Start"/>.</summary>
    /// <exception cref="SocketException">The system has no room for one.</exception>
    public EpollLoop()
    {
        _epoll = new(NativeMethods.CreateEpoll(LinuxConstants.EpollCloseOnExec));
        try
        {
            _wakeUp = new(NativeMethods.CreateEvent(0, LinuxConstants.SockNonBlock | LinuxConstants.SockCloseOnExec));
            Control(LinuxConstants.EpollAdd, _wakeUp, LinuxConstants.EpollIn | LinuxConstants.EpollEdge, WakeUp);
        }
        catch
        {
            _wakeUp?.Dispose();
            _epoll.Dispose();
            throw;
        }
    }

    /// <summary>Sockets it waits for.</summary>
    public int Count => _table.Count;

    /// <summary>Begins to wait, on a thread of its own.</summary>
    /// <param name="name">The thread's.</param>
    public void Start(string name) => new Thread(Run) { IsBackground = true, Name = name }.UnsafeStart();

    /// <summary>Tells a handler of a socket from now on, beginning with how it is.</summary>
    /// <returns>What <see cref="Remove"/> wants.</returns>
    /// <exception cref="SocketException">There is no room for another one (/proc/sys/fs/epoll/max_user_watches), or the loop has ended.</exception>
    public ulong Add(SafeHandle socket, IEpollHandler handler)
    {
        if (_isStopped)
            throw new SocketException((int)SocketError.OperationAborted);

        var number = _table.Add(handler);
        try
        {
            Control(LinuxConstants.EpollAdd, socket, Everything, number);
        }
        catch (ObjectDisposedException)
        {
            _table.Remove(number);
            throw new SocketException((int)SocketError.OperationAborted);
        }
        catch
        {
            _table.Remove(number);
            throw;
        }

        return number;
    }

    /// <summary>Tells of a socket no more, before it is closed: closing takes it out of what the kernel watches.</summary>
    public void Remove(ulong number) => _table.Remove(number);

    /// <summary>Ends the loop, soon, and all that is left on it. Does not wait.</summary>
    public void Dispose()
    {
        _isStopped = true;
        try
        {
            ReadOnlySpan<byte> one = MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in s_one));
            _ = NativeMethods.Write(_wakeUp, one, (nuint)one.Length);
        }
        catch (ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    private void Run()
    {
        var size = LinuxConstants.EpollEventSize;
        var offset = LinuxConstants.EpollDataOffset;
        Span<byte> events = new byte[MostEvents * size];
        while (!_isStopped)
        {
            var count = NativeMethods.Wait(_epoll, events, MostEvents, Forever);
            if (count < 0 && Marshal.GetLastPInvokeError() != LinuxConstants.Eintr)
                throw Descriptor.LastError();

            for (var told = events[..(Math.Max(count, 0) * size)]; !told.IsEmpty; told = told[size..])
                _table.Find(MemoryMarshal.Read<ulong>(told[offset..]))?.OnEvents(MemoryMarshal.Read<uint>(told));
        }

        foreach (var handler in _table.ToList())
            handler.OnStop();
        _epoll.Dispose();
        _wakeUp.Dispose();
    }

    private void Control(int operation, SafeHandle descriptor, uint events, ulong number)
    {
        Span<byte> epollEvent = stackalloc byte[LinuxConstants.EpollEventSize];
        MemoryMarshal.Write(epollEvent, in events);
        MemoryMarshal.Write(epollEvent[LinuxConstants.EpollDataOffset..], in number);
        if (NativeMethods.Control(_epoll, operation, descriptor, epollEvent) != 0)
            throw Descriptor.LastError();
    }
}
