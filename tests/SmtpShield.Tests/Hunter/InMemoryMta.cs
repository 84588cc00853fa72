using System.IO.Pipelines;
using System.Text;
using SmtpShield.Testing.Hunter;

namespace SmtpShield.Tests.Hunter;

/// <summary>Plays an MTA's script on a connection in memory, an action at a time.</summary>
internal sealed class InMemoryMta
{
    private readonly MtaScript _script;
    private readonly IDuplexPipe _end;
    private char[] _received = new char[256];
    private int _length;
    private bool _isIdle;
    private bool _hasNoted;
    private bool _hasEnded;
    private bool _hasEndedSending;

    /// <summary>An MTA whose client has connected.</summary>
    public InMemoryMta(MtaScript script, IDuplexPipe end)
    {
        (_script, _end) = (script, end);
        script.Begin();
    }

    /// <summary>Its greeting is on its way, or will never be.</summary>
    public bool HasGreeted => _script.Actions.Count == 0;

    /// <summary>It has taken something or wants something done.</summary>
    public bool CanAct => _script.Actions.Count > 0 || (!_script.IsOver && !_isIdle);

    /// <summary>Its account.</summary>
    public MtaLog Log => _script.Log;

    /// <summary>Takes what has come.</summary>
    public void Read()
    {
        if (_hasEnded || !_end.Input.TryRead(out var read))
            return;

        foreach (var segment in read.Buffer)
        {
            if (_length + segment.Length > _received.Length)
                Array.Resize(ref _received, Math.Max(_length + segment.Length, 2 * _received.Length));
            _length += Encoding.Latin1.GetChars(segment.Span, _received.AsSpan(_length));
        }

        _isIdle &= read.Buffer.IsEmpty;
        _end.Input.AdvanceTo(read.Buffer.End);
    }

    /// <summary>Does the next thing it wants done, or takes the next it has received.</summary>
    public void Act()
    {
        if (_script.Actions.TryDequeue(out var action))
            Do(action);
        else
            _isIdle = !_script.GoOn(_received.AsSpan(0, _length));
    }

    /// <summary>The session is over: notes what it has received and not answered.</summary>
    public void NoteEnd()
    {
        Read();
        if (!_hasNoted)
            _script.NoteRest(_received.AsSpan(0, _length));
        _hasNoted = true;
    }

    private void Do(in MtaAction action)
    {
        switch (action.Kind)
        {
            case MtaActionKind.Send when _hasEndedSending:
            case MtaActionKind.Pause:
                break;
            case MtaActionKind.Send:
                Encoding.Latin1.GetBytes(action.Octets, _end.Output);
                Flush();
                break;
            case MtaActionKind.EndSending:
                _hasEndedSending = true;
                _end.Output.Complete();
                break;
            default:
                NoteEnd();
                _hasEnded = true;
                _end.Input.Complete();
                _end.Output.Complete(action.Kind is MtaActionKind.Reset ? new IOException("reset") : null);
                break;
        }
    }

    // Nothing holds these writes up, so that each is over at once.
    private void Flush()
    {
        var flush = _end.Output.FlushAsync();
        if (!flush.IsCompleted)
            throw new InvalidOperationException("The pipe is narrow.");
        flush.GetAwaiter().GetResult();
    }
}
