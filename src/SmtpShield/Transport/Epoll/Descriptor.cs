using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace SmtpShield.Transport.Epoll;

/// <summary>
/// An open file descriptor. It is closed when it is disposed and no call uses it any more, so that a call never meets another file that was given its number.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed class Descriptor : SafeHandle
{
    /// <summary>Takes over what a system call has returned.</summary>
    /// <exception cref="SocketException">It returned an error.</exception>
    public Descriptor(int number)
        : base(-1, ownsHandle: true)
    {
        if (number < 0)
            throw LastError();
        SetHandle(number);
    }

    /// <inheritdoc />
    public override bool IsInvalid => handle < 0;

    /// <summary>Why the last system call of this thread failed.</summary>
    public static SocketException LastError() => new((int)LinuxConstants.ErrorOf(Marshal.GetLastPInvokeError()));

    /// <inheritdoc />
    protected override bool ReleaseHandle() => NativeMethods.Close(handle) == 0;
}
