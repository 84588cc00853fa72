using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace SmtpShield.Clients;

/// <summary>The C library's resolver, as Postfix uses it: getnameinfo(3) and getaddrinfo(3). On Linux; elsewhere no address has a name.</summary>
internal sealed class SystemNameResolver : INameResolver
{
    // NI_MAXHOST and NI_NAMEREQD of netdb.h; both C libraries of Linux have the same.
    private const int MaxNameLength = 1025;
    private const int NameRequired = 8;

    // EAI_AGAIN, EAI_MEMORY and EAI_SYSTEM, what Postfix counts as temporary (smtpd_peer.c).
    private const int TryAgain = -3;
    private const int OutOfMemory = -10;
    private const int SystemError = -11;

    /// <inheritdoc/>
    /// <remarks>Not Dns.GetHostEntry: that one looks the name up again at once and answers with the canonical name of what it finds.</remarks>
    public string? NameOf(IPAddress address, out bool isTemporary)
    {
        isTemporary = false;
        if (!OperatingSystem.IsLinux())
            return null;
        var socketAddress = new IPEndPoint(address, 0).Serialize();
        var name = new byte[MaxNameLength];
        var error = GetNameInfo(socketAddress.Buffer[..socketAddress.Size].ToArray(), (uint)socketAddress.Size, name, MaxNameLength, 0, 0, NameRequired);
        isTemporary = error is TryAgain or OutOfMemory or SystemError;
        if (error != 0)
            return null;

        // One character an octet: nothing is a letter here that was not one in the answer.
        return Encoding.Latin1.GetString(name, 0, Math.Max(Array.IndexOf(name, (byte)0), 0));
    }

    /// <inheritdoc/>
    public bool TryGetAddresses(string name, AddressFamily family, out IPAddress[] addresses, out string error, out bool isTemporary)
    {
        try
        {
            (addresses, error, isTemporary) = (Dns.GetHostAddresses(name, family), "", false);
            return true;
        }
        catch (SocketException exception)
        {
            (addresses, error, isTemporary) = ([], WordsOf(exception), exception.SocketErrorCode is not (SocketError.HostNotFound or SocketError.NoData or SocketError.NoRecovery));
            return false;
        }
    }

    private static string WordsOf(SocketException exception) => exception.SocketErrorCode switch
    {
        SocketError.HostNotFound => "Name or service not known",
        SocketError.TryAgain => "Temporary failure in name resolution",
        SocketError.NoRecovery => "Non-recoverable failure in name resolution",
        SocketError.NoData => "No address associated with hostname",
        _ => exception.Message,
    };

    [DllImport("libc", EntryPoint = "getnameinfo"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetNameInfo(byte[] address, uint addressLength, byte[] name, uint nameLength, nint service, uint serviceLength, int flags);
}
