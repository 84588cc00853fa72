using System.Net;

namespace SmtpShield.Clients;

/// <summary>One look-up: address to name, and the name back to its addresses, as Postfix's <c>smtpd_peer.c</c> does it.</summary>
/// <param name="address">The client's address.</param>
/// <param name="range">Whose place it takes.</param>
/// <param name="time">The clock of its deadline, which starts now.</param>
internal sealed class PeerLookup(IPAddress address, ClientRange range, TimeProvider time) : IDisposable
{
    /// <summary>How long a look-up may take. What comes later is not believed to come the next time either.</summary>
    /// <value>2 seconds.</value>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource<PeerName> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _end = new(Deadline, time);
    private readonly long _started = time.GetTimestamp();

    /// <summary>Whose name is looked up.</summary>
    public IPAddress Address => address;

    /// <summary>Whose place it takes.</summary>
    public ClientRange Range => range;

    /// <summary>How long it has taken so far.</summary>
    public TimeSpan Age => time.GetElapsedTime(_started);

    /// <summary>Ends with what was found, never with an exception.</summary>
    public Task<PeerName> Answer => _answer.Task;

    /// <summary>Whether <see cref="Deadline"/> has passed.</summary>
    public bool IsLate => Age >= Deadline;

    /// <summary>Asks the resolver; asks nothing more once it is late or given up.</summary>
    public async ValueTask<PeerName> AskAsync(INameResolver resolver)
    {
        try
        {
            var (claimed, isTemporary) = await resolver.NameOfAsync(address, _end.Token).ConfigureAwait(false);
            if (IsLate)
                return PeerName.Unanswered;
            if (claimed.Length == 0)
                return isTemporary ? PeerName.Unanswered : PeerName.Unknown;
            if (PeerName.FaultOf(claimed) is { } refused)
                return refused;

            var found = await resolver.AddressesOfAsync(claimed, address.AddressFamily, _end.Token).ConfigureAwait(false);
            if (IsLate)
                return PeerName.Unanswered;
            if (found.Addresses.Count == 0)
                return PeerName.Refused(PeerNameFault.Unresolved, claimed, found.Error) with { IsTemporary = found.IsTemporary };
            return found.Addresses.Any(found => ClientIdentity.AddressOf(new(found, 0)).Equals(address))
                ? new(claimed)
                : PeerName.Refused(PeerNameFault.Mismatch, claimed);
        }
        catch (OperationCanceledException)
        {
            return PeerName.Unanswered;
        }
    }

    /// <summary>Ends it without an answer.</summary>
    public void GiveUp()
    {
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended meanwhile.
        }
    }

    /// <summary>Tells those who wait.</summary>
    public void Complete(PeerName answer) => _answer.SetResult(answer);

    /// <inheritdoc/>
    public void Dispose() => _end.Dispose();
}
