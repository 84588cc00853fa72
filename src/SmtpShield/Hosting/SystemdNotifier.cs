using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Hosting;

namespace SmtpShield.Hosting;

/// <summary>Tells systemd how the program is (sd_notify(3)), for units of <c>Type=notify-reload</c>. Without <c>NOTIFY_SOCKET</c> it does nothing.</summary>
/// <param name="path">The value of <c>NOTIFY_SOCKET</c>: a path, or with a leading <c>@</c> a name in the abstract namespace.</param>
/// <param name="time">The monotonic clock systemd compares a reload's start with.</param>
internal sealed class SystemdNotifier(string? path, TimeProvider time) : IHostedLifecycleService
{
    private const string EnvironmentVariable = "NOTIFY_SOCKET";

    /// <summary>The service manager that started this program, if any.</summary>
    public static SystemdNotifier FromEnvironment(TimeProvider time) => new(Environment.GetEnvironmentVariable(EnvironmentVariable), time);

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
        if (string.IsNullOrEmpty(path))
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
