using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>What the client gets to see of an MTA's reply to EHLO, whoever says it.</summary>
internal sealed class EhloAnswers(SmtpSession session, RemovedEhloKeywords removedKeywords)
{
    /// <summary>The MTA's own reply, as the client gets it.</summary>
    /// <param name="code">The code, a success.</param>
    /// <param name="octets">All its lines.</param>
    public Reply Relay(int code, ReadOnlyMemory<byte> octets)
    {
        var filtered = Filter(octets, out var removed);
        removedKeywords.Report(session.Mta.Destination, removed);

        // Behind AUTH, or another EHLO, an MTA may offer something else: the first reply of a session is what the next client will get.
        var offer = session.Mta.Profile.Offer is null ? session.Memory.NoteEhlo(session.Mta.Destination, octets.Span) : EhloOffer.Parse(octets.Span);
        return Show(offer, code, filtered);
    }

    /// <summary>A reply in the MTA's place.</summary>
    /// <param name="offer">What the MTA is known to offer.</param>
    public Reply StandIn(EhloOffer offer) => Show(offer, 250, Filter(offer.Octets, out _));

    /// <summary>What a client was told that is shown an offer.</summary>
    public EhloOffer Told(EhloOffer offer) => EhloOffer.Parse(Filter(offer.Octets, out _).Span);

    private Reply Show(EhloOffer offer, int code, ReadOnlyMemory<byte> filtered)
    {
        if (EhloKeywords.Describe(session.Options.DiscardEhloKeywords) is { } discarded && session.MayLog())
            RelayLog.EhloKeywordsDiscarded(session.Log, discarded);
        session.Mta.NoteEhlo(offer, offersChunking: EhloReply.Offers(filtered.Span, "CHUNKING"u8));
        return new(code, filtered);
    }

    private ReadOnlyMemory<byte> Filter(ReadOnlyMemory<byte> octets, out IReadOnlyList<string> removed)
    {
        var filter = new EhloFilter(session.Options.PassEhloKeywords, session.Options.DiscardEhloKeywords, session.Options.Chunking,
            session.Limits.RecipientLimit)
        {
            PassesStartTls = session.Context.Tls == TlsMode.Passthrough,
            OffersStartTls = session.Context.Tls == TlsMode.Offered && !session.Discards("STARTTLS"),
            PassesAuth = !session.HidesAuth,
            Mechanisms = session.Context.PassedMechanisms,
        };
        EhloReply.Filter(octets, filter, out var filtered, out removed);
        return filtered;
    }
}
