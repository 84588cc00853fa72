using Microsoft.AspNetCore.Http;

namespace SmtpShield.Control;

/// <summary>Ends a request with a problem (RFC 9457). Caught once, in <see cref="ControlRequests"/>.</summary>
/// <param name="status">The status code of HTTP, 400 or above.</param>
/// <param name="problems">What is wrong, at least one thing.</param>
internal sealed class ControlException(int status, IReadOnlyList<ControlProblem> problems) : Exception(problems[0].ToString())
{
    /// <summary>One thing is wrong.</summary>
    public ControlException(int status, ControlProblem problem)
        : this(status, [problem])
    {
    }

    /// <summary>The status code.</summary>
    public int Status => status;

    /// <summary>What is wrong, first of all.</summary>
    public ControlProblem Problem => problems[0];

    /// <summary>All that is wrong.</summary>
    public IReadOnlyList<ControlProblem> Problems => problems;

    /// <summary>400: the request is not what is expected.</summary>
    public static ControlException BadRequest(string message, string remedy, string? parameter = null) =>
        new(StatusCodes.Status400BadRequest, new ControlProblem(message, remedy, parameter));

    /// <summary>404: there is nothing of this name.</summary>
    public static ControlException NotFound(string message, string remedy, string? parameter = null) =>
        new(StatusCodes.Status404NotFound, new ControlProblem(message, remedy, parameter));
}
