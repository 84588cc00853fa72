using System.Net;
using Microsoft.AspNetCore.Connections;
using SmtpShield.Admission;
using SmtpShield.Clients;
using SmtpShield.Listening;
using SmtpShield.Metrics;
using SmtpShield.Observe;
using SmtpShield.Options;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.Transport;

namespace SmtpShield.Bans;

/// <summary>
/// Refuses who is banned, before all else: before its name is looked up, a handshake, the counts and the MTA, and without a line of the log for each. It is
/// told 421 and closed, and not waited for; where a handshake comes first it is closed without a word, and with <c>shield_ban_action = reset</c> reset.
/// </summary>
internal sealed class RefuseBanned(BanTable bans, NeverBanned never, PeerNames names, Exemptions exemptions, ServiceMetrics metrics)
    : IConnectionStage<ArrivedConnection>
{
    /// <inheritdoc />
    public Task InvokeAsync(ArrivedConnection arrived, Func<ArrivedConnection, Task> next)
    {
        if (bans.Count == 0 || arrived.Proxy.IsLocal || arrived.Proxy.HasFailed || arrived.Connection.RemoteEndPoint is not IPEndPoint peer
            || bans.Find(ClientIdentity.AddressOf(peer)) is not { } ban)
        {
            return next(arrived);
        }

        return JudgeAsync(arrived, peer, ban, next);
    }

    private async Task JudgeAsync(ArrivedConnection arrived, IPEndPoint peer, Ban ban, Func<ArrivedConnection, Task> next)
    {
        var options = arrived.Options.Newest;
        var name = await NameAsync(arrived, options, peer).ConfigureAwait(false);
        var client = new ClientIdentity(peer, name?.Name ?? ClientIdentity.UnknownName, options.Anvil)
        {
            IsProxy = arrived.Proxy.IsProxy,
            IsExempted = exemptions.Find(ClientIdentity.AddressOf(peer)) is not null,
        };
        if (never.WhyNot(options, client) is not null)
        {
            await next(arrived).ConfigureAwait(false);
            return;
        }

        ban.NoteRefused();
        if (never.IsNewlySure(ban, client, isNameKnown: name is { IsTemporary: false }))
            bans.NoteLookedAt(ban);
        metrics.NoteConnection(ConnectionOutcome.Banned);
        metrics.NoteEnd(SessionEndReason.Banned, TimeSpan.Zero);
        metrics.NoteBanRefusal();
        arrived.Connection.Features.Set(CloseAtOnce.Instance);
        if (options.Bans.Action == BanAction.Reset)
            arrived.Connection.Features.Get<IConnectedSocket>()?.Reset();
        else if (!arrived.Options.AtStart.Tls.WrapperMode)
            await SayAsync(arrived.Connection, ban, options, client).ConfigureAwait(false);
    }

    private static async ValueTask SayAsync(ConnectionContext connection, Ban ban, ShieldOptions options, ClientIdentity client)
    {
        try
        {
            await ReplyExtensions.SayAsync(connection.Transport, BanReplies.Of(ban.Rule, options.Smtpd.MyHostname, client)).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // It has gone.
        }
    }

    // Only where a name could exempt it: an exemption beats a ban. Null: it was not looked up.
    private async ValueTask<PeerName?> NameAsync(ArrivedConnection arrived, ShieldOptions options, IPEndPoint peer)
    {
        if (!arrived.Options.AtStart.Smtpd.PeernameLookup || !(HasNames(options.Limits.ClientEventLimitExceptions) || HasNames(options.Bans.Exceptions)))
            return null;
        return await names.LookUpAsync(ClientIdentity.AddressOf(peer), arrived.Connection.ConnectionClosed).ConfigureAwait(false);
    }

    private static bool HasNames(AddressPatternList list) => list.Names.Any();
}
