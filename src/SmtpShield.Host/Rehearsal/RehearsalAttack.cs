using System.Net;

namespace SmtpShield.Host.Rehearsal;

/// <summary>What attackers do to the shield under rehearsal.</summary>
/// <param name="Name">Its name, as in the project's benchmark where that has it.</param>
/// <param name="Summary">What it is, in a few words.</param>
/// <param name="Unit">What is tried and let through.</param>
/// <param name="Addresses">From how many addresses.</param>
/// <param name="PlayAsync">What one address does; it ends by itself.</param>
internal sealed record RehearsalAttack(
    string Name, string Summary, string Unit, int Addresses, Func<RehearsalStage, IPAddress, AttackTally, CancellationToken, Task> PlayAsync)
{
    // A refused attacker who goes on costs the rehearsal time and tells nothing.
    private const int RefusalsAreEnough = 3;

    /// <summary>All there are.</summary>
    public static IReadOnlyList<RehearsalAttack> All { get; } =
    [
        new("reconnect", "10 addresses connect and leave, again and again", "connections", 10, ReconnectAsync),
        new("recipients", "10 addresses guess one recipient after the other", "guesses", 10, GuessRecipientsAsync),
    ];

    private static async Task ReconnectAsync(RehearsalStage stage, IPAddress from, AttackTally tally, CancellationToken cancellationToken)
    {
        var refusals = 0;
        for (var left = stage.Tries; left > 0 && refusals < RefusalsAreEnough; left--)
        {
            using var connection = await stage.ConnectAsync(from, cancellationToken);
            var isThrough = connection is not null && (await connection.ReplyAsync(cancellationToken)).Code == 220;
            tally.Note(isThrough);
            refusals += isThrough ? 0 : 1;
        }
    }

    // On a connection for as long as it is let, then on the next one.
    private static async Task GuessRecipientsAsync(RehearsalStage stage, IPAddress from, AttackTally tally, CancellationToken cancellationToken)
    {
        var refusals = 0;
        for (var left = stage.Tries; left > 0 && refusals < RefusalsAreEnough;)
        {
            using var connection = await stage.ConnectAsync(from, cancellationToken);
            if (connection is null || await BeginAsync(connection, stage.MailFrom, cancellationToken) != 250)
            {
                tally.Note(isThrough: false);
                refusals++;
                continue;
            }

            while (left-- > 0 && refusals < RefusalsAreEnough)
            {
                var answer = await connection.CommandAsync(stage.RcptTo(exists: false), cancellationToken);
                var isThrough = answer.Code is >= 500 and < 600;
                tally.Note(isThrough);
                if (answer.Code is 0 or 421)
                    break;
                refusals += isThrough ? 0 : 1;
            }
        }
    }

    // The code of the last answer; that of the first one that is not what it takes to go on.
    private static async Task<int> BeginAsync(LoopbackClient connection, string? command, CancellationToken cancellationToken)
    {
        if ((await connection.ReplyAsync(cancellationToken)).Code is not 220 and var greeting)
            return greeting;
        var hello = (await connection.CommandAsync(RehearsalStage.Hello, cancellationToken)).Code;
        return hello != 250 || command is null ? hello : (await connection.CommandAsync(command, cancellationToken)).Code;
    }
}
