using System.IO.Pipelines;
using System.Text;
using SmtpShield.Testing.Hunter;

namespace SmtpShield.Tests.Hunter;

/// <summary>A client that does what its plan says, a write at a time, and takes what comes.</summary>
/// <param name="plan">What it does.</param>
/// <param name="split">How its writes are cut further.</param>
/// <param name="random">Where they are cut.</param>
internal sealed class InMemoryClient(SessionPlan plan, Splitting split, Random random)
{
    private const int LongestBytewise = 1500;

    private readonly StringBuilder _received = new();
    private readonly StringBuilder _sent = new();
    private List<int> _writeEnds = [];
    private IDuplexPipe _end = null!;
    private int _step;
    private int _at;
    private int _replies;
    private int _lineLength;
    private bool _isReplyGoingOn;
    private bool _hasWaited;

    /// <summary>It has ended its side, closed or reset.</summary>
    public bool HasLeft { get; private set; }

    /// <summary>It closed or reset its connection, or did not take what it was sent: the rest of it is not known.</summary>
    public bool HasVanished { get; private set; }

    /// <summary>Octets sent in this part of the session.</summary>
    public int Sent => _sent.Length;

    /// <summary>Whether it has written all it had to.</summary>
    public bool IsDone => _step == plan.Steps.Count;

    /// <summary>It takes nothing of what it is sent.</summary>
    public bool IsDeaf => plan.IsDeaf;

    /// <summary>It waits for replies.</summary>
    public bool IsWaiting => !HasLeft && !_hasWaited && (IsDone ? plan is { LeavesAtOnce: false, Leaving: not Leaving.Stays } : _replies < Awaited);

    /// <summary>It can do something now.</summary>
    public bool CanAct => !HasLeft && !IsWaiting && !(IsDone && plan.Leaving is Leaving.Stays);

    private int Awaited => _at > 0 ? 0 : Math.Max(plan.Steps[_step].RepliesAwaited, plan.TalksFirst ? 0 : 1);

    /// <summary>Goes on with a connection.</summary>
    public void Attach(IDuplexPipe end)
    {
        _end = end;
        _sent.Clear();
        _received.Clear();
        _writeEnds = [];
    }

    /// <summary>What it awaits will not come.</summary>
    public void GiveUpWaiting() => _hasWaited = true;

    /// <summary>What has happened at its end.</summary>
    public ClientLog Log => new(_sent.ToString(), _writeEnds, _received.ToString(), HasVanished);

    /// <summary>Takes what has come.</summary>
    public void Read()
    {
        if (HasVanished || plan.IsDeaf || !_end.Input.TryRead(out var read))
            return;
        foreach (var segment in read.Buffer)
        {
            foreach (var octet in segment.Span)
                Note((char)octet);
        }

        _end.Input.AdvanceTo(read.Buffer.End);
    }

    /// <summary>Takes what has come to a client that did not take it before.</summary>
    public void ReadRest()
    {
        HasVanished |= plan.IsDeaf;
        Read();
    }

    /// <summary>Writes, or leaves.</summary>
    public void Act()
    {
        if (IsDone)
        {
            Leave();
            return;
        }

        _hasWaited = false;
        var octets = plan.Steps[_step].Octets;
        var rest = octets.Length - _at;
        var length = split switch
        {
            Splitting.Bytewise => octets.Length <= LongestBytewise ? 1 : random.Next(1, rest + 1),
            Splitting.Random => random.Next(3) == 0 ? rest : random.Next(1, rest + 1),
            _ => rest,
        };
        length = Math.Min(length, rest);
        if (length > 0)
        {
            Encoding.Latin1.GetBytes(octets.AsSpan(_at, length), _end.Output.GetSpan(length));
            _end.Output.Advance(length);
            _sent.Append(octets, _at, length);
            _writeEnds.Add(_sent.Length);
            Flush();
        }

        _at += length;
        if (_at == octets.Length)
            (_step, _at) = (_step + 1, 0);
    }

    private void Leave()
    {
        HasLeft = true;
        if (plan.Leaving is Leaving.HalfClose)
        {
            _end.Output.Complete();
            return;
        }

        Read();
        HasVanished = true;
        _end.Input.Complete();
        _end.Output.Complete(plan.Leaving is Leaving.Reset ? new IOException("reset") : null);
    }

    // A reply is counted at the end of its last line.
    private void Note(char octet)
    {
        _received.Append(octet);
        if (octet == '\n')
        {
            _replies += _isReplyGoingOn ? 0 : 1;
            (_lineLength, _isReplyGoingOn) = (0, false);
            return;
        }

        if (++_lineLength == 4)
            _isReplyGoingOn = octet == '-';
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
