using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Hosting;

namespace SmtpShield.Hosting;

/// <summary>Tells systemd how the program is (sd_notify(3)), for units of <c>Type=notify-reload</c>. Without <c>NOTIFY_SOCKET</c> it does nothing.</summary>
/// <param name="path">The value of <c>NOTIFY_SOCKET</c>: a path, or with a leading <c>@</c> a name in the abstract namespace.</param>
/// <param name="time">The monotonic clock systemd compares a reload's start with.</param>
/// <param name="isMain">Whether systemd listens to this process: it does to the unit's main process only.</param>
internal sealed class SystemdNotifier(string? path, TimeProvider time, bool isMain = true) : IHostedLifecycleService
{
    private const string EnvironmentVariable = "NOTIFY_SOCKET";

    private bool _isMain = isMain;

    /// <summary>The service manager that started this program, if any.</summary>
    public static SystemdNotifier FromEnvironment(TimeProvider time, bool isMain = true) =>
        new(Environment.GetEnvironmentVariable(EnvironmentVariable), time, isMain);

    /// <summary>This process is the unit's main process from now on, and serves clients.</summary>
    public void BecomeMain()
    {
        Volatile.Write(ref _isMain, true);
        Ready();
    }

    /// <summary>Another process of the unit is its main process from now on, and serves clients. systemd is told nothing more by this one.</summary>
    public void LeaveTo(int process)
    {
        Send(string.Create(CultureInfo.InvariantCulture, $"MAINPID={process}\nREADY=1"));
        Volatile.Write(ref _isMain, false);
    }

    /// <summary>A reload begins; <see cref="Ready"/> ends it. To be called for SIGHUP, which is what <c>systemctl reload</c> sends.</summary>
    public void Reloading()
    {
        var microseconds = (Int128)time.GetTimestamp() * 1_000_000 / time.TimestampFrequency;
        Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// <summary>The program serves clients: after its start, and after a reload, whether the new options were valid or not.</summary>
    public void Ready() => Send("READY=1");

    /// <summary>The program still works. systemd kills one of whom it does not hear this for <c>WatchdogSec=</c>.</summary>
    public void Alive() => Send("WATCHDOG=1");

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        Ready();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        Send("STOPPING=1");
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Send(string state)
    {
        if (string.IsNullOrEmpty(path) || !Volatile.Read(ref _isMain))
            return;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.Connect(new UnixDomainSocketEndPoint(path[0] == '@' ? '\0' + path[1..] : path));
            socket.Send(Encoding.ASCII.GetBytes(state));
        }
        catch (SocketException)
        {
            // A service manager that does not listen is no reason not to serve mail.
        }
    }
}
