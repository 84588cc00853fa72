using System.Net.Sockets;

namespace SmtpShield.Transport;

/// <summary>A socket cannot have another host's address. The message says what is missing; it is the shield that lacks it, not its peer.</summary>
internal sealed class TransparentSocketException(SocketError error, string message) : SocketException((int)error, message);
