namespace SmtpShield.Mta.Handoff;

/// <summary>Tells the MTA by XCLIENT who the client is, behind the shield's own EHLO. What the MTA answers is its greeting for this client.</summary>
internal static class XclientHandoff
{
    /// <summary>The command's verb.</summary>
    public const string Verb = "XCLIENT";

    /// <summary>Does it.</summary>
    /// <param name="dialogue">The dialogue, behind <paramref name="ehlo"/>.</param>
    /// <param name="ehlo">The MTA's EHLO reply; nothing when it knows no EHLO.</param>
    /// <param name="client">Whom to tell about; <see langword="null"/>: nobody, only whether it could be done.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The new greeting, <see langword="null"/> without a client; or else why there is none.</returns>
    public static async ValueTask<(UpstreamReply? Greeting, string? Failure)> RunAsync(
        UpstreamDialogue dialogue, ReadOnlyMemory<byte> ehlo, UpstreamClient? client, CancellationToken cancellationToken)
    {
        if (XclientAttributes.Of(ehlo.Span) is not { } offered)
            return (null, "does not offer XCLIENT (smtpd_authorized_xclient_hosts)");
        if (!offered.Contains(XclientCommand.Address))
            return (null, "does not take ADDR with XCLIENT");
        if (client is null)
            return (null, null);

        var (reply, failure) = await dialogue.CommandAsync(Verb, XclientCommand.For(client, offered), cancellationToken);
        if (failure is not null)
            return (null, failure);

        // 50x is about the command, not about the client: no reason to refuse the client's mail for good. Anything else that is no 220 is said to the client.
        return reply.Code is 220 or >= 400 and not (>= 500 and <= 509) ? (reply, null) : (null, $"refused {Verb}: {reply.FirstLine}");
    }
}
