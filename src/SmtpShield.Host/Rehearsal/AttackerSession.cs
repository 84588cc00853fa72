using System.Net;

namespace SmtpShield.Host.Rehearsal;

/// <summary>What one attacking address has: where it plays, and how often it was refused.</summary>
/// <param name="stage">Where it plays.</param>
/// <param name="from">Its address.</param>
/// <param name="tally">Where it is counted how far it gets.</param>
/// <param name="tries">How often it tries.</param>
internal sealed class AttackerSession(RehearsalStage stage, IPAddress from, AttackTally tally, int tries)
{
    // One who goes on costs the rehearsal time and tells nothing.
    private const int RefusalsAreEnough = 3;

    private int _refusals;
    private bool _isStanding;
    private int _left = tries;

    /// <summary>Where it plays.</summary>
    public RehearsalStage Stage => stage;

    /// <summary>Whether it tries once more; to be asked before each try.</summary>
    public bool TriesAgain() => Volatile.Read(ref _refusals) < RefusalsAreEnough && Interlocked.Decrement(ref _left) >= 0;

    /// <summary>Counts a try.</summary>
    /// <returns>Whether it was let through.</returns>
    public bool Note(bool isThrough)
    {
        tally.Note(isThrough);
        if (!isThrough)
            Interlocked.Increment(ref _refusals);
        return isThrough;
    }

    /// <summary>Counts a try that has ended the session: the next one is not refused for that.</summary>
    public void NoteEnd() => tally.Note(isThrough: false);

    /// <summary>It has done all it does; from now on it waits for the shield to end it. To be called at the end, too.</summary>
    public void Stand()
    {
        if (!_isStanding)
            tally.NoteStanding();
        _isStanding = true;
    }

    /// <summary>Connects.</summary>
    /// <param name="early">What it says at once, without waiting for the greeting.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null: it is not greeted, which is told to nobody.</returns>
    public async Task<LoopbackClient?> ConnectAsync(CancellationToken cancellationToken, string early = "")
    {
        if (await stage.ConnectAsync(from, cancellationToken, early) is not { } connection)
            return null;
        if ((await connection.ReplyAsync(cancellationToken)).Code == 220)
            return connection;
        connection.Dispose();
        return null;
    }

    /// <summary>Connects and says what comes first, as long as it is answered 2xx or 3xx.</summary>
    /// <returns>Null: something of it is refused.</returns>
    public async Task<LoopbackClient?> BeginAsync(CancellationToken cancellationToken, params string[] commands)
    {
        if (await ConnectAsync(cancellationToken) is not { } connection)
            return null;
        foreach (var command in commands)
        {
            if ((await connection.CommandAsync(command, cancellationToken)).Code is >= 200 and < 400
                && (command != RehearsalStage.Hello || !stage.NeedsTls || await IsEncryptedAsync(connection, cancellationToken)))
                continue;
            connection.Dispose();
            return null;
        }

        return connection;
    }

    private static async Task<bool> IsEncryptedAsync(LoopbackClient connection, CancellationToken cancellationToken) =>
        (await connection.CommandAsync("STARTTLS", cancellationToken)).Code == 220 && await connection.BeginTlsAsync(cancellationToken)
        && (await connection.CommandAsync(RehearsalStage.Hello, cancellationToken)).Code == 250;
}
