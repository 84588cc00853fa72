namespace SmtpShield.Control.Upstreams;

/// <summary>The MTAs, as an operator sees them and acts on them: what the control socket wants of the pool.</summary>
internal interface IUpstreamControl
{
    /// <summary>Every destination of every service, in the order of the configuration.</summary>
    IEnumerable<UpstreamReport> Reports { get; }

    /// <summary>Acts on a destination, for all services that have it.</summary>
    /// <param name="action">What is to be done.</param>
    /// <param name="name">One of those in <see cref="Reports"/>.</param>
    /// <param name="by">Who wants it and why, for the log line of a change.</param>
    /// <returns>False: it has gone since it was reported.</returns>
    bool TryDo(UpstreamAction action, string name, string by);
}
