using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace SmtpShield.Host;

/// <summary>
/// The signals that would end the program if nobody caught them: SIGHUP asks for a reload, SIGUSR1 for the log to be opened anew, SIGUSR2 for nothing.
/// Caught by the first statement of the program, and remembered until there is somebody to act. However many come, one request waits.
/// </summary>
internal sealed class ShieldSignals : IDisposable
{
    // signal(7), the same on every architecture .NET runs on; the runtime has names for the first one only.
    private const PosixSignal User1 = (PosixSignal)10;
    private const PosixSignal User2 = (PosixSignal)12;

    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _requested;

    private ShieldSignals()
    {
    }

    /// <summary>Catches them from now on.</summary>
    public static ShieldSignals Catch()
    {
        var signals = new ShieldSignals();
        // To Windows SIGHUP is a console that is closed, and has no others.
        if (!OperatingSystem.IsWindows())
        {
            signals.Register(PosixSignal.SIGHUP, SignalRequests.Reload);
            signals.Register(User1, SignalRequests.ReopenLog);
            signals.Register(User2, SignalRequests.None);
        }

        return signals;
    }

    /// <summary>Waits for a request, and takes all there are.</summary>
    public async ValueTask<SignalRequests> TakeAsync(CancellationToken cancellationToken)
    {
        await _wake.Reader.ReadAsync(cancellationToken);
        return (SignalRequests)Interlocked.Exchange(ref _requested, 0);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
    }

    private void Register(PosixSignal signal, SignalRequests requests) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        Interlocked.Or(ref _requested, (int)requests);
        _wake.Writer.TryWrite(true);
    }));
}
