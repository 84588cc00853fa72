using System.Net;

namespace SmtpShield.Clients;

/// <summary>One look-up: address to name, and the name back to its addresses, as Postfix's <c>smtpd_peer.c</c> does it.</summary>
/// <param name="address">The client's address.</param>
/// <param name="time">The clock of its deadline, which starts now.</param>
internal sealed class PeerLookup(IPAddress address, TimeProvider time)
{
    /// <summary>How long a look-up may take, its waiting for a thread included. What comes later is not believed to come the next time either.</summary>
    /// <value>2 seconds.</value>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource<PeerName> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _started = time.GetTimestamp();

    /// <summary>Whose name is looked up.</summary>
    public IPAddress Address => address;

    /// <summary>Ends with what was found, never with an exception.</summary>
    public Task<PeerName> Answer => _answer.Task;

    /// <summary>Whether <see cref="Deadline"/> has passed.</summary>
    public bool IsLate => time.GetElapsedTime(_started) >= Deadline;

    /// <summary>Asks the resolver. Blocks; asks nothing more once it is late.</summary>
    public PeerName Ask(INameResolver resolver)
    {
        if (IsLate)
            return PeerName.Unanswered;
        var claimed = resolver.NameOf(address, out var isTemporary);
        if (IsLate)
            return PeerName.Unanswered;
        if (claimed is not { Length: > 0 })
            return isTemporary ? PeerName.Unanswered : PeerName.Unknown;
        if (PeerName.FaultOf(claimed) is { } refused)
            return refused;

        var isResolved = resolver.TryGetAddresses(claimed, address.AddressFamily, out var addresses, out var error, out isTemporary);
        if (IsLate)
            return PeerName.Unanswered;
        if (!isResolved)
            return PeerName.Refused(PeerNameFault.Unresolved, claimed, error) with { IsTemporary = isTemporary };
        return Array.Exists(addresses, found => ClientIdentity.AddressOf(new(found, 0)).Equals(address))
            ? new(claimed)
            : PeerName.Refused(PeerNameFault.Mismatch, claimed);
    }

    /// <summary>Tells those who wait.</summary>
    public void Complete(PeerName answer) => _answer.SetResult(answer);
}
