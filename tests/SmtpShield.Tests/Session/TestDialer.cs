using SmtpShield.Mta;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

/// <summary>MTAs that nobody else needs, and that make nothing of their clients.</summary>
internal abstract class TestDialer : IMtaDialer
{
    /// <inheritdoc/>
    public bool MayRelease => true;

    /// <inheritdoc/>
    public bool IsUnderPressure { get; set; }

    /// <summary>What they have been told of the client: messages, and how often it was bad.</summary>
    public (int Messages, int Accepted, int Refused, int Bad) Told { get; private set; }

    /// <inheritdoc/>
    public abstract ValueTask<UpstreamDialResult> DialAsync(
        ReadOnlyMemory<byte> hello, bool mayReuse, Action wake, CancellationToken leaveQueue, CancellationToken cancellationToken);

    /// <inheritdoc/>
    public void NoteMessage(int accepted, int refused) =>
        Told = Told with { Messages = Told.Messages + 1, Accepted = Told.Accepted + accepted, Refused = Told.Refused + refused };

    /// <inheritdoc/>
    public void NoteCommands(int accepted, int refused) => Told = Told with { Accepted = Told.Accepted + accepted, Refused = Told.Refused + refused };

    /// <inheritdoc/>
    public void NoteBad() => Told = Told with { Bad = Told.Bad + 1 };
}
