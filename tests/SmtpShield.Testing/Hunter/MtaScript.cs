using System.Globalization;

namespace SmtpShield.Testing.Hunter;

/// <summary>
/// An MTA that reads strictly and answers at random: every reply has a text of its own. Some answer late, together or in pieces; some close,
/// talk out of turn, answer content before its end, or say what is no reply. Here is what it thinks; who plays it brings it what was
/// received and does what it wants done.
/// </summary>
/// <param name="random">What it decides by.</param>
/// <param name="name">A part of all its texts.</param>
/// <param name="isStrict">It refuses MAIL and RCPT where Postfix does, for their form or their place.</param>
/// <param name="maySilence">It may fall silent for ever, where nobody has to wait for that.</param>
internal sealed class MtaScript(Random random, string name, bool isStrict, bool maySilence = false)
{
    private readonly MtaLog _log = new();
    private readonly Queue<MtaAction> _actions = new();
    private readonly Fate _fate = maySilence && random.Next(12) == 0 ? Fate.FallsSilent : (Fate)Math.Max(0, random.Next(24) - 13);
    private readonly int _fatefulOutput = random.Next(14);
    private readonly bool _isLate = random.Next(5) == 0;
    private readonly bool _isPiecemeal = random.Next(4) == 0;
    private readonly bool _isBatching = random.Next(2) == 0;
    private readonly bool _isSloppyWriter = random.Next(8) == 0;
    private readonly bool _isGenerous = random.Next(2) == 0;
    private readonly bool _refusesLogins = random.Next(4) == 0;
    private MtaEventKind _mode = MtaEventKind.Command;
    private string _unsent = "";
    private int _at;
    private int _seen;
    private int _chunkSize;
    private bool _isLast;
    private bool _hasAnsweredEarly;
    private bool _hasSender;
    private bool _isOver;

    private enum Fate
    {
        None,
        Closes,
        Resets,
        ClosesInsteadOfAnswering,
        SaysFarewell,
        TalksOutOfTurn,
        AnswersEarly,
        SpeaksNonsense,
        SaysImpossible,
        RefusesSession,
        ClosesBeforeGreeting,
        FallsSilent,
    }

    /// <summary>What it took what it got for, and said.</summary>
    public MtaLog Log => _log;

    /// <summary>What it wants done now, in this order, before it goes on. A close is the last.</summary>
    public Queue<MtaAction> Actions => _actions;

    /// <summary>It has closed, or wants to.</summary>
    public bool IsOver => _isOver;

    /// <summary>How much of what was received it has looked at.</summary>
    public int Seen => _seen;

    /// <summary>A client has connected.</summary>
    public void Begin()
    {
        _log.HasConnected = true;
        if (_fate is Fate.ClosesBeforeGreeting)
        {
            Close(reset: random.Next(2) == 0);
            return;
        }

        Say(_fate is Fate.RefusesSession ? 554 : 220, "greeting");
        Send();
    }

    /// <summary>Takes the next command, chunk or message, if it is there, and answers.</summary>
    /// <param name="received">All that was received so far, one character an octet.</param>
    /// <returns>Whether it has taken something or wants something done.</returns>
    public bool GoOn(ReadOnlySpan<char> received)
    {
        if (_isOver)
            return false;

        if (_fate is Fate.FallsSilent && _log.Outputs.Count > _fatefulOutput)
        {
            Send();
            _log.IsSilent = true;
            return _actions.Count > 0;
        }

        if (TryTake(received, out var taken))
        {
            Answer(taken);
            Misbehave();
            if (!_isBatching)
                Send();
            return true;
        }

        Send();
        AnswerEarly(received.Length);
        return _actions.Count > 0;
    }

    /// <summary>Nothing more is answered: what was received and not answered, and what was begun and not ended, belongs to the account too.</summary>
    /// <param name="received">All that was received.</param>
    public void NoteRest(ReadOnlySpan<char> received)
    {
        while (TryTake(received, out var taken))
        {
            _mode = MtaEventKind.Command;
            if (taken.Kind is MtaEventKind.Command)
                ReadBdat(WordsOf(taken.Octets));
        }

        if (_at < received.Length || _mode is MtaEventKind.Content)
            _log.Events.Add(new(_mode, received[_at..].ToString(), false));
    }

    private bool HasSucceeded => _log.Outputs[^1].Code is >= 200 and < 300;

    private void CloseTransaction() => _hasSender &= !HasSucceeded;

    private bool HasAskedForMore => _log.Outputs[^1].Code is >= 300 and < 400;

    private bool TryTake(ReadOnlySpan<char> all, out MtaEvent taken)
    {
        _seen = all.Length;
        taken = null!;
        var rest = all[_at..];
        var length = _mode switch
        {
            MtaEventKind.Chunk => _chunkSize <= rest.Length ? _chunkSize : -1,
            MtaEventKind.Content => LengthOfContent(rest),
            MtaEventKind.Tunnel => -1,
            _ => rest.IndexOf("\r\n") is >= 0 and var lineEnd ? lineEnd + 2 : -1,
        };
        if (length < 0)
            return false;

        taken = new(_mode, rest[..(length - (_mode is MtaEventKind.Command or MtaEventKind.SaslResponse ? 2 : 0))].ToString(), true);
        _at += length;
        _log.Events.Add(taken);
        return true;
    }

    private static int LengthOfContent(ReadOnlySpan<char> rest)
    {
        if (rest.StartsWith(".\r\n"))
            return 3;
        var end = rest.IndexOf("\r\n.\r\n");
        return end < 0 ? -1 : end + 5;
    }

    private void Answer(MtaEvent taken)
    {
        switch (taken.Kind)
        {
            case MtaEventKind.Command:
                AnswerCommand(taken.Octets);
                break;
            case MtaEventKind.SaslResponse:
                _mode = MtaEventKind.Command;
                Say(taken.Octets == "*" ? 501 : _refusesLogins ? 535 : Pick(235, 535, 334), "sasl");
                if (HasAskedForMore)
                    _mode = MtaEventKind.SaslResponse;
                break;
            case MtaEventKind.Content:
                _mode = MtaEventKind.Command;
                if (!_hasAnsweredEarly)
                    Say(Pick(250, 250, 250, 250, 550, 451), "queued");
                _hasSender = false;
                _hasAnsweredEarly = false;
                break;
            case MtaEventKind.Chunk:
                _mode = MtaEventKind.Command;
                if (!_hasAnsweredEarly)
                    Say(Pick(250, 250, 250, 250, 250, 552), _isLast ? "queued" : "chunk");
                _hasSender &= !_isLast;
                _hasAnsweredEarly = false;
                break;
        }
    }

    private void AnswerCommand(string line)
    {
        var words = WordsOf(line);
        ReadBdat(words);
        switch (VerbOf(words))
        {
            case "EHLO":
                SayEhlo();
                CloseTransaction();
                break;
            case "MAIL" when isStrict && (_hasSender || !ReferenceCommand.Parse(line).HasAddress("FROM:")):
                Say(_hasSender ? 503 : 501, "mail");
                break;
            case "RCPT" when isStrict && !(_hasSender && ReferenceCommand.Parse(line).HasAddress("TO:")):
                Say(_hasSender ? 501 : 503, "rcpt");
                break;
            case "MAIL":
                Say(_isGenerous ? 250 : Pick(250, 250, 250, 550, 503), "mail");
                _hasSender |= HasSucceeded;
                break;
            case "RCPT":
                Say(_isGenerous ? Pick(250, 250, 250, 550) : Pick(250, 250, 550, 452, 450), "rcpt");
                break;
            case "DATA":
                Say(Pick(354, 354, 354, 354, 554), "data");
                if (HasAskedForMore)
                    _mode = MtaEventKind.Content;
                break;
            case "BDAT":
                break;
            case "AUTH":
                Say(_refusesLogins ? Pick(334, 535) : Pick(334, 334, 235, 535, 503), "auth");
                if (HasAskedForMore)
                    _mode = MtaEventKind.SaslResponse;
                break;
            case "STARTTLS":
                Say(Pick(220, 454, 502), "tls");
                if (_log.Outputs[^1].Code == 220)
                {
                    _mode = MtaEventKind.Tunnel;
                    _log.Tunnelled = "\u0016\u0003" + name + "\r\n250 not a reply\r\n";
                    _unsent += _log.Tunnelled;
                }

                break;
            case "QUIT":
                Say(221, "bye");
                break;
            case "HELO" or "NOOP" or "RSET" or "VRFY" or "HELP" or "ETRN":
                Say(Pick(250, 250, 250, 250, 252, 502), "ok");
                if (VerbOf(words) is "HELO" or "RSET")
                    CloseTransaction();
                break;
            default:
                Say(Pick(500, 502), "what");
                break;
        }
    }

    private void ReadBdat(string[] words)
    {
        if (VerbOf(words) != "BDAT")
            return;
        _mode = MtaEventKind.Chunk;
        _chunkSize = int.Parse(words[1], CultureInfo.InvariantCulture);
        _isLast = words.Length > 2;
    }

    private static string[] WordsOf(string line) => line.Split([' ', '\t', '\f', '\v'], StringSplitOptions.RemoveEmptyEntries);

    private static string VerbOf(string[] words) => words.Length == 0 ? "" : words[0].ToUpperInvariant();

    private void SayEhlo()
    {
        if (random.Next(12) == 0)
        {
            Say(502, "ehlo");
            return;
        }

        string[] keywords = [.. new[] { "PIPELINING", "SIZE 1000", "CHUNKING", "CHUNKING", "CHUNKING", "ENHANCEDSTATUSCODES", "ENHANCEDSTATUSCODES",
                "XCLIENT NAME", "X-OWN", "8BITMIME", "BINARYMIME", "LIMITS RCPTMAX=5000", "AUTH PLAIN" }
            .Where(_ => random.Next(3) > 0).Distinct()];
        string[] lines = [Text("ehlo"), .. keywords];
        Say(250, lines);
    }

    private void Say(int code, string what) =>
        Say(code, random.Next(6) == 0 ? [Text(what), code + " x", Text(what)] : [(code == 452 && random.Next(2) == 0 ? "4.5.3 " : "") + Text(what)]);

    private void Say(int code, string[] lines)
    {
        if (_fate is Fate.SaysFarewell && _log.Outputs.Count == _fatefulOutput)
            code = Pick(421, 521, 221);
        else if (_fate is Fate.SaysImpossible && _log.Outputs.Count == _fatefulOutput + 1)
            code = Pick(354, 334, 300);
        else if (_fate is Fate.SpeaksNonsense && _log.Outputs.Count == _fatefulOutput + 1)
        {
            Output(0, Pick("999 x\r\n", "25 ok\r\n", "250-a\r\n550 b\r\n", "\r\n", "\0\u0001\u00ff\r\n", "2500 ok\r\n", new string('x', 5000)), "");
            return;
        }

        var sent = "";
        var relayed = "";
        for (var i = 0; i < lines.Length; i++)
        {
            var start = code.ToString(CultureInfo.InvariantCulture) + (i < lines.Length - 1 ? "-" : " ");
            var isDirty = _isSloppyWriter && random.Next(3) == 0;
            sent += start + lines[i] + (isDirty ? Pick("\n", "\ra\r\n", "\0\n") : "\r\n");
            relayed += start + lines[i] + (isDirty
                ? sent.EndsWith("\ra\r\n", StringComparison.Ordinal) ? " a" : sent.EndsWith("\0\n", StringComparison.Ordinal) ? " " : ""
                : "") + "\r\n";
        }

        Output(code, sent, relayed);
    }

    private void Output(int code, string sent, string relayed)
    {
        _log.Outputs.Add(new(code, sent, relayed, _log.Events.Count));
        _unsent += sent;
    }

    private string Text(string what) => string.Create(CultureInfo.InvariantCulture, $"{what} {name}#{_log.Outputs.Count}.{random.Next(1000)}");

    private void Misbehave()
    {
        var code = _log.Outputs[^1].Code;
        if (code is 221 or 421 or 521 && random.Next(4) > 0)
        {
            Send();
            if (random.Next(2) == 0)
                Close(reset: false);
            else
                _actions.Enqueue(new(MtaActionKind.EndSending));
        }

        if (_log.Outputs.Count - 1 != _fatefulOutput || _isOver)
            return;
        switch (_fate)
        {
            case Fate.Closes or Fate.Resets:
                Send();
                Close(_fate is Fate.Resets);
                break;
            case Fate.ClosesInsteadOfAnswering:
                _unsent = "";
                Close(reset: random.Next(2) == 0);
                break;
            case Fate.TalksOutOfTurn when _mode is MtaEventKind.Command:
                Send();
                if (random.Next(2) == 0)
                    _actions.Enqueue(new(MtaActionKind.Pause));
                _log.EventsInTurn = _log.Events.Count;
                Say(Pick(250, 250, 421, 550), "unasked");
                Send();
                break;
        }
    }

    // Content or a chunk is judged before its end.
    private void AnswerEarly(int receivedLength)
    {
        if (_fate is not Fate.AnswersEarly || _mode is not (MtaEventKind.Content or MtaEventKind.Chunk) || _hasAnsweredEarly
            || receivedLength <= _at + (_mode is MtaEventKind.Chunk ? 0 : 1))
        {
            return;
        }

        _hasAnsweredEarly = true;
        _log.EarlyOutput = _log.Outputs.Count;
        Say(Pick(552, 552, 250), "early");
        Send();
    }

    private void Close(bool reset)
    {
        _log.HasClosed = true;
        _isOver = true;
        _actions.Enqueue(new(reset ? MtaActionKind.Reset : MtaActionKind.Close));
    }

    private void Send()
    {
        if (_unsent.Length == 0 || _isOver)
            return;

        if (_isLate)
            _actions.Enqueue(new(MtaActionKind.Pause));
        var octets = _unsent;
        _unsent = "";
        if (_isPiecemeal)
        {
            var at = random.Next(octets.Length);
            _actions.Enqueue(new(MtaActionKind.Send, octets[..at]));
            octets = octets[at..];
            if (random.Next(2) == 0)
                _actions.Enqueue(new(MtaActionKind.Pause));
        }

        _actions.Enqueue(new(MtaActionKind.Send, octets));
    }

    private T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];
}
