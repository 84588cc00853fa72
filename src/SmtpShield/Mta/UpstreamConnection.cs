using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Metrics;
using SmtpShield.Mta.Reuse;
using SmtpShield.Mta.Slots;
using SmtpShield.Tls;

namespace SmtpShield.Mta;

/// <summary>
/// One session with the MTA, its greeting already read. It lasts as long as the client's session, so it holds no more than it must:
/// no timer, no token source, nothing of the dial that made it.
/// </summary>
/// <param name="connection">The socket as a connection; owned.</param>
/// <param name="tls">TLS over it; owned. <see langword="null"/>: the session is in clear.</param>
/// <param name="destination">The destination.</param>
/// <param name="slot">Its right to be there; owned, and given back once, behind the end of the connection.</param>
/// <param name="greeting">The complete reply, every line ended by CR LF.</param>
/// <param name="greetingCode">The reply code of the greeting.</param>
internal sealed class UpstreamConnection(
    ConnectionContext connection, TlsTransport? tls, UpstreamDestination destination, Slot slot, byte[] greeting, int greetingCode) : IAsyncDisposable
{
    private int _left;

    /// <summary>The bytes to and from the MTA; input starts behind the greeting. A completed flush means the kernel has the bytes.</summary>
    public IDuplexPipe Transport => tls ?? connection.Transport;

    /// <summary>What TLS with the MTA agreed on; <see langword="null"/> in clear.</summary>
    public TlsFacts? Tls => tls?.Facts;

    /// <summary>The destination as configured, <c>host:port</c>.</summary>
    public string Destination => destination.Name;

    /// <summary>Whether the destination was taken out by hand: it is waited for this session to end.</summary>
    public bool IsDrained => destination.IsDrained;

    /// <summary>Where the session says how it stands, for those who wait for one, and is asked to make room for them.</summary>
    public Slot Slot => slot;

    /// <summary>The complete greeting, every line ended by CR LF.</summary>
    public ReadOnlyMemory<byte> Greeting => greeting;

    /// <summary>The reply code of the greeting: 220, or whatever else the MTA said.</summary>
    public int GreetingCode => greetingCode;

    /// <summary>The reply to the client's HELO or EHLO line (<see cref="UpstreamClient.Hello"/>); <see langword="null"/>: none was said.</summary>
    public UpstreamReply? HelloReply { get; init; }

    /// <summary>What is known of the session from one client to the next; <see langword="null"/>: it has only this one.</summary>
    public SessionReuse? Reuse { get; init; }

    /// <summary>
    /// It was another client's, and nothing was said in it for this one: whether the MTA still serves it shows the reply to the first command.
    /// </summary>
    public bool IsUntried { get; init; }

    /// <summary>The MTA has answered; told to its destination.</summary>
    /// <param name="work">What it was asked for.</param>
    /// <param name="took">How long that took.</param>
    public void NoteAnswered(MtaWork work, TimeSpan took)
    {
        slot.NoteAnswered(work, took);
        destination.Stress.NoteAnswer(took);
        destination.Metrics.NoteReply(ReplyPhase.Command, took);
    }

    /// <summary>The MTA has answered DATA, or a message; counted for its destination.</summary>
    /// <param name="phase">Which of the two.</param>
    /// <param name="took">How long that took.</param>
    public void NoteAnswered(ReplyPhase phase, TimeSpan took) => destination.Metrics.NoteReply(phase, took);

    /// <summary>The MTA has replied to what a transaction is made of; told to its destination.</summary>
    /// <param name="isOfSystem">421, or 4.3.x: it speaks of itself.</param>
    public void NoteReply(bool isOfSystem) => destination.Stress.NoteReply(isOfSystem);

    /// <summary>
    /// Says QUIT to an MTA that expects a command and to which nothing is being sent, and ends the connection as <see cref="UpstreamDeparture"/> does; nobody
    /// waits for it. Behind <see cref="Close"/>: does nothing.
    /// </summary>
    public void Quit() => Leave(quits: true);

    /// <summary>
    /// Leaves the session to another client, if it may go on with one, and else to its end as <see cref="Quit"/> does. Only where neither side owes anything.
    /// </summary>
    public void Release()
    {
        if (Reuse is not { Career.MayGoOn: true } reuse)
            Quit();
        else if (Interlocked.Exchange(ref _left, 1) == 0)
            destination.Kept.Keep(new(connection, tls, destination, slot, greeting, reuse));
    }

    /// <summary>
    /// Ends the connection with FIN behind what was flushed, without a word; bytes not yet flushed are never sent. Nobody waits for the MTA, whose session
    /// counts until it has closed its side, or for another second. A second call, or one behind <see cref="Quit"/>, does nothing.
    /// </summary>
    public void Close() => Leave(quits: false);

    /// <summary>The same as <see cref="Close"/>.</summary>
    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    private void Leave(bool quits)
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
            UpstreamDeparture.Begin(connection, tls, slot, quits);
    }
}
