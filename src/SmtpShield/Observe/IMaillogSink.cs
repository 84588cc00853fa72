namespace SmtpShield.Observe;

/// <summary>Where log lines end up. Used by one writer at a time.</summary>
internal interface IMaillogSink : IDisposable
{
    /// <summary>Writes lines, in order.</summary>
    /// <param name="lines">At least one line.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many lines are written; fewer than given when the sink cannot take more now, and the rest is offered again later.</returns>
    ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken);
}
