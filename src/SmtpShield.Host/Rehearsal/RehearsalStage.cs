using System.Net;
using System.Text;

namespace SmtpShield.Host.Rehearsal;

/// <summary>Where clients of a rehearsal play: one service of the shield, and what they write to its mail server.</summary>
/// <param name="shield">Where the service listens.</param>
/// <param name="addresses">The clients' addresses.</param>
/// <param name="recipient">An address the mail server takes mail for.</param>
internal sealed class RehearsalStage(IPEndPoint shield, RehearsalAddresses addresses, string recipient)
{
    /// <summary>How a client introduces itself.</summary>
    public const string Hello = "EHLO client.rehearsal.example";

    /// <summary>A message, with its end but for the last line end.</summary>
    public const string Content = "From: <somebody@rehearsal.example>\r\nSubject: Rehearsal\r\n\r\nNothing.\r\n.";

    /// <summary>Whether the service's connections begin with TLS.</summary>
    public bool IsWrapped { get; init; }

    /// <summary>Whether the shield itself answers STARTTLS; else it is the mail server's, and left alone.</summary>
    public bool EndsTls { get; init; }

    /// <summary>Whether users can be played: the mail server is the rehearsal's own, which has one.</summary>
    public bool HasUsers { get; init; }

    /// <summary>Whether nothing is to be had without STARTTLS.</summary>
    public bool NeedsTls { get; init; }

    /// <summary>How much an attacker does.</summary>
    public required AttackScale Attackers { get; init; }

    /// <summary>The shield's clock.</summary>
    public required RehearsalClock Clock { get; init; }

    /// <summary>The clients' addresses.</summary>
    public RehearsalAddresses Addresses => addresses;

    /// <summary>The beginning of a transaction.</summary>
    public string MailFrom { get; } = "MAIL FROM:<somebody@rehearsal.example>";

    /// <summary>A recipient.</summary>
    /// <param name="exists">Whether the mail server has it.</param>
    public string RcptTo(bool exists) => exists ? $"RCPT TO:<{recipient}>" : $"RCPT TO:<nosuch-{recipient}>";

    /// <summary>A login, with the initial response (RFC 4954 section 4).</summary>
    public static string Auth(string password) => "AUTH PLAIN " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"\0user\0{password}"));

    /// <summary>A connection of a client.</summary>
    /// <param name="client">Its address.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="early">What it says at once.</param>
    public Task<LoopbackClient?> ConnectAsync(IPAddress client, CancellationToken cancellationToken, string early = "") =>
        LoopbackClient.ConnectAsync(shield, client, IsWrapped, early, cancellationToken);
}
