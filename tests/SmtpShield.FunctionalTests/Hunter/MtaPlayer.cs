using SmtpShield.Testing.Hunter;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Hunter;

/// <summary>Plays an MTA's script on a connection.</summary>
/// <param name="script">What the MTA does.</param>
/// <param name="random">How long it takes for it.</param>
internal sealed class MtaPlayer(MtaScript script, Random random)
{
    private MtaConnection _connection = null!;

    /// <summary>Serves a connection to its end.</summary>
    public async Task PlayAsync(ScriptedMta mta, CancellationToken noClient, CancellationToken cancellationToken)
    {
        try
        {
            _connection = await mta.AcceptAsync(noClient);
        }
        catch (OperationCanceledException) when (noClient.IsCancellationRequested)
        {
            if (!mta.HasWaiting)
                return;

            // The session was over before its connection was taken: the next session's must not be mistaken for it.
            _connection = await mta.AcceptAsync(cancellationToken);
        }

        await using (_connection)
        {
            script.Begin();
            await ActAsync(cancellationToken);
            while (!script.IsOver)
            {
                while (script.GoOn(_connection.Received))
                    await ActAsync(cancellationToken);
                if (script.IsOver || (_connection.Ended.IsCompleted && _connection.ReceivedLength == script.Seen))
                    break;
                await _connection.ReadToLengthAsync(script.Seen + 1, cancellationToken);
            }

            if (!script.IsOver)
                script.NoteRest(_connection.Received);
        }
    }

    private async Task ActAsync(CancellationToken cancellationToken)
    {
        while (script.Actions.TryDequeue(out var action))
        {
            switch (action.Kind)
            {
                case MtaActionKind.Send:
                    await _connection.SendAsync(action.Octets, cancellationToken);
                    break;
                case MtaActionKind.Pause:
                    await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1, 5)), TimeProvider.System, cancellationToken);
                    break;
                case MtaActionKind.EndSending:
                    _connection.EndSending();
                    break;
                default:
                    script.NoteRest(_connection.Received);
                    _connection.Close(action.Kind is MtaActionKind.Reset);
                    break;
            }
        }
    }
}
