namespace SmtpShield.Transport.Epoll;

/// <summary>What an <see cref="EpollLoop"/> tells of a socket.</summary>
internal interface IEpollHandler
{
    /// <summary>Something has become of the socket. Runs on the loop's thread, and holds up all other sockets of the loop while it does.</summary>
    /// <param name="events">As in epoll_ctl(2).</param>
    void OnEvents(uint events);

    /// <summary>The loop ends: nothing is told any more.</summary>
    void OnStop();
}
