using System.Globalization;
using SmtpShield.Listening;

namespace SmtpShield.Host.Rehearsal;

/// <summary>Whether this process, which is the shield, its clients and mostly its mail server, too, can hold what an attack holds.</summary>
/// <param name="descriptors">Files and sockets it may have open.</param>
/// <param name="sessions">Sessions the shield has room for.</param>
/// <param name="isDialedAtOnce">Whether a mail server of this process has a session for each client that is greeted.</param>
internal sealed class RehearsalRoom(int descriptors, int sessions, bool isDialedAtOnce)
{
    // For the program, and for normal clients and all else.
    private const int Else = 1000;

    /// <summary>What there is too little of for an attack; null: nothing.</summary>
    public string? Lacks(RehearsalAttack attack)
    {
        // Two at the shield, which keeps an eighth of its own for connections that are closing, one of the client, and one of the mail server.
        var needed = Else + (attack.Held * (isDialedAtOnce ? 2 : 1)) + (2 * attack.Held * 8 / 7);
        if (attack.Held > 0 && needed > descriptors)
            return string.Create(CultureInfo.InvariantCulture, $"it needs {needed} descriptors; there are {SessionBound.CauseOf(descriptors)}");
        return attack.Held <= sessions ? null
            : string.Create(CultureInfo.InvariantCulture, $"it holds {attack.Held} connections, and there is memory for {sessions} sessions");
    }
}
