using SmtpShield.Configuration;
using SmtpShield.Tls;
using SmtpShield.Upstream.Handoff;

namespace SmtpShield.Upstream;

/// <summary>What a session of the shield's own with an MTA was like.</summary>
/// <param name="Failures">Tries that gave none; one address of a host may fail although another one answers.</param>
/// <param name="Greeting">The greeting; <see langword="null"/>: there was no session.</param>
/// <param name="Ehlo">The answer to EHLO; <see langword="null"/>: there was none.</param>
/// <param name="EhloFailure">Why there was none; <see langword="null"/> when there was, or it was not asked for because of the greeting.</param>
/// <param name="Tls">What TLS agreed on; <see langword="null"/> in clear.</param>
internal sealed record UpstreamProbe(IReadOnlyList<UpstreamFailure> Failures, UpstreamReply? Greeting = null, UpstreamReply? Ehlo = null, string? EhloFailure = null, TlsFacts? Tls = null)
{
    /// <summary>Says EHLO and QUIT on a connection whose greeting is read, each as long as a greeting may take.</summary>
    public static async ValueTask<UpstreamProbe> RunAsync(
        UpstreamConnection connection, IReadOnlyList<UpstreamFailure> failures, ShieldOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var probe = new UpstreamProbe(failures, new(GreetingStatus.Complete, connection.Greeting.ToArray(), connection.GreetingCode), Tls: connection.Tls);
        var dialogue = new UpstreamDialogue(connection.Transport);
        using var deadline = new CancellationTokenSource(options.Upstream.GreetingTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        try
        {
            if (connection.GreetingCode == 220)
            {
                var (reply, failure) = await dialogue.CommandAsync("EHLO", $"EHLO {options.Smtpd.MyHostname}", either.Token);
                probe = failure is null ? probe with { Ehlo = reply } : probe with { EhloFailure = failure };
                if (failure is not null)
                    return probe;
            }

            await dialogue.CommandAsync("QUIT", "QUIT", either.Token);
            return probe;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            var why = error is IOException ? "lost connection" : $"no {dialogue.Awaited} within {options.Upstream.GreetingTimeout.TotalSeconds:0}s";
            return probe.Ehlo is null && connection.GreetingCode == 220 ? probe with { EhloFailure = why } : probe;
        }
    }
}
