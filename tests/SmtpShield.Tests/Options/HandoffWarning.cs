using SmtpShield.PostfixConf;

namespace SmtpShield.Tests.Options;

/// <summary>
/// The warning that the MTA does not learn who the client is. A configuration that says nothing about it has it, so tests about something else pass it over.
/// </summary>
internal static class HandoffWarning
{
    /// <summary>The problems but for that one.</summary>
    public static IEnumerable<ConfigurationProblem> WithoutHandoff(this IEnumerable<ConfigurationProblem> problems) =>
        problems.Where(static problem => problem.Parameter != "shield_client_handoff");
}
