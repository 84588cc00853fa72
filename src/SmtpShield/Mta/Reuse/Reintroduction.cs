using System.Text;
using SmtpShield.Mta.Handoff;
using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Mta.Reuse;

/// <summary>
/// What a kept session is told before another client's commands: who the client is, by XCLIENT, and the client's own HELO or EHLO line. No RSET: no transaction
/// is open, and in a Postfix under stress it would be a junk command of the client's.
/// </summary>
/// <param name="kept">The session.</param>
/// <param name="options">The options of the client's connection.</param>
/// <param name="client">The client, with a HELO or EHLO line.</param>
internal sealed class Reintroduction(KeptSession kept, ShieldOptions options, UpstreamClient client)
{
    /// <summary>Does it. Bounded by who calls it.</summary>
    /// <returns>The session, the client's from now on; null: it is not what it was, and the client must hear nothing of it.</returns>
    public async ValueTask<UpstreamConnection?> RunAsync(CancellationToken cancellationToken)
    {
        var dialogue = new UpstreamDialogue(kept.Transport);
        UpstreamReply? greeting = null;
        if (options.Upstream.ClientHandoff == ClientHandoff.Xclient)
        {
            if (XclientAttributes.Of(kept.Reuse.HelloReply.Text) is not { } offered)
                return null;
            var (reply, unanswered) = await dialogue.CommandAsync(XclientHandoff.Verb, XclientCommand.For(client, offered), cancellationToken);
            if (unanswered is not null)
                return null;
            if (IsNotTaken(reply))
            {
                kept.Destination.Kept.NoteUnfit(options, $"refused {XclientHandoff.Verb}: {reply.FirstLine}");
                return null;
            }

            // The MTA's word about this client, as behind a dial.
            if (reply.Code >= 400)
            {
                kept.Reuse.Career.End();
                return kept.HandOver(reply.Text, reply.Code, helloReply: null, isUntried: false);
            }

            if (reply.Code != 220)
                return null;
            greeting = reply;
        }
        else if (client.Hello.Span.SequenceEqual(kept.Reuse.Hello.Span))
        {
            return kept.HandOver(text: null, code: 220, kept.Reuse.HelloReply, isUntried: true);
        }

        var (hello, failure) = await dialogue.CommandAsync("EHLO", client.Hello, cancellationToken);
        if (failure is not null || hello.Code != 250 || !IsSame(hello) || kept.HasTalked)
            return null;
        kept.Reuse.Greet(client.Hello, hello);
        // Behind HELO, for one, nobody knows whether the next one could be told of.
        if (!IsPossible(kept.Destination, options, hello))
            kept.Reuse.Career.End();
        return kept.HandOver(greeting?.Text, 220, hello, isUntried: false);
    }

    /// <summary>Whether a session that has answered a client's HELO or EHLO this way can be told of another client.</summary>
    /// <param name="destination">The MTA's destination.</param>
    /// <param name="options">The options of the client's connection.</param>
    /// <param name="hello">The reply.</param>
    public static bool IsPossible(UpstreamDestination destination, ShieldOptions options, in UpstreamReply hello)
    {
        if (hello.Code != 250 || !destination.Kept.IsFit(options))
            return false;
        if (options.Upstream.ClientHandoff is not ClientHandoff.Xclient)
            return options.Upstream.ClientHandoff is ClientHandoff.None;

        // Postfix takes XCLIENT from the client it was told of last (smtpd.c, xclient_cmd).
        var isOffered = XclientAttributes.Of(hello.Text)?.Contains(XclientCommand.Address) is true;
        if (!isOffered && hello.Text.AsSpan().Count((byte)'\n') > 1)
            destination.Kept.Tell(options, "XCLIENT is not offered behind XCLIENT (smtpd_authorized_xclient_hosts does not list the client)");
        return isOffered;
    }

    // 50x is about the command, 550 5.7.0 says that this client of the MTA's may not use it.
    private static bool IsNotTaken(in UpstreamReply reply) =>
        reply.Code is >= 500 and <= 509 || Encoding.Latin1.GetString(reply.Text).StartsWith("550 5.7.0 ", StringComparison.Ordinal);

    // Behind one address there may be several MTAs. HELO has no list to compare.
    private bool IsSame(in UpstreamReply hello)
    {
        var (before, now) = (EhloOffer.Parse(kept.Reuse.HelloReply.Text), EhloOffer.Parse(hello.Text));
        return before.FirstWord == now.FirstWord
            && (before.Keywords.Count == 0 || now.Keywords.Count == 0 || before.Octets.Span.SequenceEqual(now.Octets.Span));
    }
}
