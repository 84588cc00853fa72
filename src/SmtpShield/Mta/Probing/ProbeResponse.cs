using System.Net;
using SmtpShield.Mta.Health;

namespace SmtpShield.Mta.Probing;

/// <summary>What YARP takes for the answer to a health check.</summary>
/// <param name="outcome">What a probe has shown that has come to its end since the last round; null: nothing new.</param>
internal sealed class ProbeResponse(ProbeOutcome? outcome) : HttpResponseMessage(HttpStatusCode.NoContent)
{
    /// <summary>What is new.</summary>
    public ProbeOutcome? Outcome => outcome;
}
