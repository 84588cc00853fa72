namespace SmtpShield.Listening;

/// <summary>The transport that was asked for is not there. The message is one line that names the parameter and the remedy; the exit status is 1.</summary>
internal sealed class TransportException(string obstacle) : Exception(
    $"shield_transport = epoll can't be used: {obstacle}; write shield_transport = auto or sockets");
