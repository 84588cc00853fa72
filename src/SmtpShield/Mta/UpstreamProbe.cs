using SmtpShield.Mta.Handoff;
using SmtpShield.Options;
using SmtpShield.Protocol;
using SmtpShield.Tls;

namespace SmtpShield.Mta;

/// <summary>What a session with an MTA was like that is nobody's but the shield's.</summary>
/// <param name="Failures">Tries that gave none; one address of a host may fail although another one answers.</param>
/// <param name="Greeting">The greeting; <see langword="null"/>: there was no session.</param>
/// <param name="Ehlo">The answer to EHLO; <see langword="null"/>: there was none.</param>
/// <param name="Relay">The answer to the first of MAIL and RCPT that was refused, or to RCPT; <see langword="null"/>: neither was said, or answered.</param>
/// <param name="Failure">Why the session ended before its last command; <see langword="null"/> when it did not, or because of the greeting.</param>
/// <param name="Tls">What TLS agreed on; <see langword="null"/> in clear.</param>
internal sealed record UpstreamProbe(
    IReadOnlyList<UpstreamFailure> Failures, UpstreamReply? Greeting = null, UpstreamReply? Ehlo = null, UpstreamReply? Relay = null,
    string? Failure = null, TlsFacts? Tls = null)
{
    /// <summary>
    /// Says EHLO, MAIL and RCPT if there is a recipient, and QUIT on a connection whose greeting is read; all of it as long as a greeting
    /// may take. Never sends content.
    /// </summary>
    public static async ValueTask<UpstreamProbe> RunAsync(
        UpstreamConnection connection, IReadOnlyList<UpstreamFailure> failures, ShieldOptions options, string? relaysTo, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var probe = new UpstreamProbe(failures, new(ReplyStatus.Complete, connection.Greeting.ToArray(), connection.GreetingCode), Tls: connection.Tls);
        var dialogue = new UpstreamDialogue(connection.Transport);
        using var deadline = new CancellationTokenSource(options.Upstream.GreetingTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            if (connection.GreetingCode == 220)
            {
                var (ehlo, failure) = await dialogue.CommandAsync("EHLO", $"EHLO {options.Smtpd.MyHostname}", either.Token);
                if (failure is not null)
                    return probe with { Failure = failure };

                probe = probe with { Ehlo = ehlo };
                if (relaysTo is not null && ehlo.Code == 250)
                {
                    (var relay, failure) = await TryToRelayAsync(dialogue, relaysTo, either.Token);
                    if (failure is not null)
                        return probe with { Failure = failure };
                    probe = probe with { Relay = relay };
                }
            }
        }
        catch (Exception error) when (IsExpected(error, cancellationToken))
        {
            return probe with { Failure = error is IOException
                ? "lost connection" : $"no {dialogue.Awaited} within {options.Upstream.GreetingTimeout.TotalSeconds:0}s" };
        }

        try
        {
            await dialogue.CommandAsync("QUIT", "QUIT", either.Token);
        }
        catch (Exception error) when (IsExpected(error, cancellationToken))
        {
            // All that was to be known is known.
        }

        return probe;
    }

    // The empty sender: few MTAs refuse it for its own sake, and then it would not be the recipient that was judged.
    private static async ValueTask<(UpstreamReply Relay, string? Failure)> TryToRelayAsync(
        UpstreamDialogue dialogue, string recipient, CancellationToken cancellationToken)
    {
        var (mail, failure) = await dialogue.CommandAsync("MAIL", "MAIL FROM:<>", cancellationToken);
        return failure is null && mail.Code is >= 200 and < 300
            ? await dialogue.CommandAsync("RCPT", $"RCPT TO:<{recipient}>", cancellationToken)
            : (mail, failure);
    }

    private static bool IsExpected(Exception error, CancellationToken cancellationToken) =>
        error is IOException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested);
}
