namespace SmtpShield.Transport;

/// <summary>The kernel's queue of clients that are connected and not accepted yet.</summary>
internal interface IListenQueue
{
    /// <summary>Whether anybody is in it.</summary>
    bool IsAnyoneWaiting { get; }
}
