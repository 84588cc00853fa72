using System.Net.Sockets;

namespace SmtpShield.Listening;

/// <summary>Who has listening sockets that a successor of this process is to have.</summary>
internal interface IListeningSockets
{
    /// <summary>Those that listen now.</summary>
    IReadOnlyList<Socket> Sockets { get; }

    /// <summary>Closes them here: the successor accepts at them. Connections that were accepted stay.</summary>
    void Leave();
}
