using SmtpShield.Options;

namespace SmtpShield.Testing.Hunter;

/// <summary>
/// Walks along what the client sent and finds for each command its place in what the MTA received and its reply in what the client received. Where
/// closings race, the client may have been given less than the model says, and the MTA too; never more, other, or in another order.
/// </summary>
/// <param name="configuration">What the session ran under.</param>
/// <param name="session">Where it stands at its beginning; left as it is at its end.</param>
/// <param name="client">The client's account.</param>
/// <param name="mta">The MTA's account.</param>
/// <param name="circumstances">What else happened.</param>
internal sealed class SessionChecker(HuntConfiguration configuration, ReferenceSession session, ClientLog client, MtaLog mta, HuntCircumstances circumstances)
{
    private const string Unavailable = "421 4.3.0 mail.example.com Error: mail server unavailable";
    private const string NotSynchronized = "554 5.5.0 Error: SMTP protocol synchronization";
    private readonly SmtpdOptions _smtpd = configuration.Smtpd;
    private const string TimeoutExceeded = "421 4.4.2 mail.example.com Error: timeout exceeded";
    private const string NotAvailable = "421 4.3.2 mail.example.com Service not available, closing transmission channel";
    private int _sent;
    private int _rawLength;
    private int _got;
    private int _event;
    private int _output;
    private bool _isBlind;
    private bool _isOver;
    private bool _isOutOfStep;
    private bool _hasCommanded = circumstances.IsBehindTls;
    private bool _hasBegunTls;
    private bool _isMtaBehind;

    /// <summary>Throws <see cref="HuntException"/> where an invariant does not hold.</summary>
    /// <returns>Whether it is known where the session stands at its end.</returns>
    public bool Check()
    {
        CheckReceived();
        Greet();
        if (!_isOver && Octet(0) is { } first && (first < ' ' && "\t\n\v\f\r".IndexOf(first, StringComparison.Ordinal) < 0 || first > '~'))
            AnswerHere("", "554 5.5.1 Error: SMTP protocol expected", ends: true);
        while (!_isOver && TryReadLine(out var line))
            Command(line);
        if (_isOutOfStep)
            return false;

        // Only complete commands are answered; what is behind the last reply was never one.
        if (!_isOver)
            CheckIdleEnd();
        if (!_isBlind && Rest.Length > 0 && (_isOver || !Excuses("").Concat(AtTheClientsTurn).Any(IsFinal)))
            Fail($"the client got something nothing asked for: {Show(Rest.ToString())}");
        if (circumstances.HasBegunTls && !_hasBegunTls && !_isBlind)
            Fail("the shield began TLS where none was asked for");
        CheckLeftOver();
        return true;
    }

    // All the client sent was answered, and the session goes on.
    private void CheckIdleEnd()
    {
        if (_isBlind || client.HasVanished)
            return;
        if (circumstances.End is HuntEnd.ClientTimeout && circumstances.IsDraining && !session.HasSender)
            Fail("the shield stops, and the session was idle and went on");
        if (circumstances.End is HuntEnd.Drained && session.HasSender)
            Fail("the shield did not wait for the transaction");
        if (AtTheClientsTurn.Count > 0 && Rest.Length == 0)
            Fail("the client was not told why the session ended");
        if (circumstances is { End: HuntEnd.None, ClientStays: true } && !mta.HasClosed && Rest.Length == 0)
            Fail("the session ended for no reason");
    }

    private IReadOnlyList<string> AtTheClientsTurn => circumstances.End switch
    {
        HuntEnd.ClientTimeout => [TimeoutExceeded],
        HuntEnd.Drained => [NotAvailable],
        _ => [],
    };

    private IReadOnlyList<string> Anywhere => circumstances.End switch
    {
        HuntEnd.MtaTimeout => [Unavailable],
        HuntEnd.DrainDeadline => [NotAvailable],
        HuntEnd.ClientTimeout when mta.IsSilent => [TimeoutExceeded],
        HuntEnd.Drained when IsTooLate => [NotAvailable],
        _ => [],
    };

    private bool IsTooLate => circumstances.End is HuntEnd.Drained && !session.HasSender && (_sent > circumstances.SentBeforeDrain || _isMtaBehind);

    private ReadOnlySpan<char> Rest => client.Received.AsSpan(_got);

    private bool IsTalkingOutOfTurn => _output < mta.Outputs.Count && (mta.Outputs[_output].EventsBefore <= _event);

    private char? Octet(int at) => at < client.Sent.Length ? client.Sent[at] : null;

    // No parser of the world may read what the MTA received in another way.
    private void CheckReceived()
    {
        foreach (var received in mta.Events.Take(mta.EventsInTurn))
        {
            var isDoubtful = received.Kind switch
            {
                MtaEventKind.Command or MtaEventKind.SaslResponse => received.IsComplete && received.Octets.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0,
                MtaEventKind.Content => ReferenceContent.IsDoubtful(received.Octets, received.IsComplete, wasCut: mta.HasClosed),
                _ => false,
            };
            if (isDoubtful)
                Fail($"parsers disagree on what the MTA received: {Show(received.Octets)}");
        }
    }

    private void Greet()
    {
        if (circumstances is { IsBehindTls: true, NoMta: null } && mta.Outputs.Count > 0)
        {
            GoOn();
            return;
        }

        if (mta.Outputs.Count == 0 || circumstances.NoMta is not null || (client.Sent.Length > 0 && _smtpd.ForbidUnauthPipelining && IsFinal(NotSynchronized)))
        {
            _isOver = true;
            if (circumstances.NoMta is { } noMta ? !client.HasVanished && !Rest.SequenceEqual(noMta + "\r\n") : !Anywhere.Any(IsFinal) && mta.Outputs.Count == 0
                && !client.HasVanished && !Rest.SequenceEqual(NotSynchronized + "\r\n") && !(mta.HasClosed && Rest.SequenceEqual(Unavailable + "\r\n")))
            {
                Fail("no greeting");
            }
            _got = client.Received.Length;
            return;
        }

        var greeting = mta.Outputs[_output++];
        Observe(greeting.Relayed, [.. mta.HasClosed ? [Unavailable] : Array.Empty<string>(), .. Anywhere]);
        session.Greeted(greeting.Code);
        if (greeting.Code is 421 or 521)
            _isOver = true;
    }

    // The client was greeted before: of another greeting it only hears when it ends the session.
    private void GoOn()
    {
        var greeting = mta.Outputs[_output++];
        session.IsAccessDenied = greeting.Code >= 500;
        if (greeting.Code is not (421 or 521))
            return;
        Observe(greeting.Relayed, [.. mta.HasClosed ? [Unavailable] : Array.Empty<string>(), .. Anywhere]);
        _isOver = true;
    }

    private bool TryReadLine(out string line)
    {
        line = "";
        var end = client.Sent.IndexOf(_smtpd.AcceptLfCommands ? "\n" : "\r\n", _sent, StringComparison.Ordinal);
        if (end < 0)
            return false;

        if (!_smtpd.AcceptLfCommands)
            end++;
        line = client.Sent[_sent..end];
        while (line.EndsWith('\r') || line.EndsWith("\r\0", StringComparison.Ordinal))
            line = line[..^(line.EndsWith('\r') ? 1 : 2)];
        _rawLength = end + 1 - _sent;
        _sent = end + 1;
        Obey();
        return true;
    }

    // What was complete when the limits changed had its reply.
    private void Obey()
    {
        foreach (var reload in circumstances.Reloads)
        {
            if (reload.At < _sent)
                (session.Limits, session.IsObserved) = (reload.Limits, reload.IsObserved);
        }
    }

    private bool IsRejectedBareLf => _smtpd.ForbidBareNewline is BareNewlinePolicy.Reject && (_rawLength < 2 || client.Sent[_sent - 2] != '\r');

    private void Command(string line)
    {
        var command = ReferenceCommand.Parse(line);
        var limit = command.Verb == "AUTH" ? 12288 : _smtpd.LineLengthLimit;
        if (line.Length > limit || _rawLength > limit + 2)
        {
            AnswerHere("", "500 5.5.2 mail.example.com Error: command too long");
            return;
        }

        if (IsRejectedBareLf)
        {
            AnswerHere("", "550 5.5.2 mail.example.com Error: bare <LF> received", ends: true);
            return;
        }

        if (line.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
        {
            AnswerHere("", "500 5.5.2 Error: bad syntax");
            return;
        }

        if (!_hasCommanded && line.StartsWith("SSH-", StringComparison.Ordinal))
        {
            AnswerHere("", "554 5.5.1 Error: SMTP protocol expected", ends: true);
            return;
        }

        if (session.Spent(command) is { } spent && !(IsImproper(command) && IsFinal(NotSynchronized)))
        {
            AnswerHere(command.Verb, spent, ends: true);
            return;
        }

        if (IsOtherProtocol(command))
        {
            AnswerHere("", "221 2.7.0 Error: I can break rules, too. Goodbye.", ends: true);
            return;
        }

        _hasCommanded |= command.Verb.Length > 0;
        var refusal = session.Refusal(command, IsNextAtMta(command), IsNextReply);
        var isForwardedTls = command.Verb == "STARTTLS" && _event < mta.Events.Count && mta.Events[_event].Octets == command.Line;
        if (IsImproper(command) && !isForwardedTls && IsFinal(NotSynchronized))
            End(NotSynchronized);
        else if (command.Verb == "BDAT")
            Chunk(command, refusal);
        else if (refusal is not null)
            AnswerHere(command.Verb, refusal);
        else if (command.Verb == "STARTTLS" && session.OffersTls)
            BeginTls();
        else
            Forward(command);
    }

    // Plaintext behind STARTTLS ends the session; 220 is the last word in clear.
    private void BeginTls()
    {
        if (_sent < client.Sent.Length && (client.IsWithinAWrite(_sent) || IsFinal(NotSynchronized)))
        {
            End([NotSynchronized, .. Excuses("STARTTLS")]);
            return;
        }

        if (!circumstances.HasHandshakeRoom)
        {
            AnswerHere("STARTTLS", "454 4.7.0 TLS not available due to local problem");
            return;
        }

        Observe(Adapt("220 2.0.0 Ready to start TLS") + "\r\n", Excuses("STARTTLS"));
        if (_isOver)
            return;
        _isOver = true;
        _hasBegunTls = true;
        if (!circumstances.HasBegunTls && !_isBlind)
            Fail("220, and no handshake");
    }

    private bool IsNextAtMta(ReferenceCommand command) =>
        _event < mta.Events.Count && mta.Events[_event] is { Kind: MtaEventKind.Command } next && next.Octets == command.Forwarded;

    private bool? IsNextReply(string reply)
    {
        var line = Adapt(reply) + "\r\n";
        return _isBlind || (client.HasVanished && Rest.Length < line.Length && line.AsSpan().StartsWith(Rest)) ? null : Rest.StartsWith(line);
    }

    private bool IsOtherProtocol(ReferenceCommand command)
    {
        if (session.IsAccessDenied || command.Verb.StartsWith("XPROXY", StringComparison.Ordinal))
            return false;
        var word = command.Line.Trim(' ', '\t', '\v', '\f').Split(' ', '\t', '\v', '\f')[0];
        var colon = word.IndexOf(':', StringComparison.Ordinal);
        return word.ToUpperInvariant() is "HEAD" or "PUT" or "DELETE" or "OPTIONS" or "TRACE" or "PATCH" or "PRI"
            || (colon > 0 && word[..colon].All(static letter => letter is >= '!' and <= '~'));
    }

    // Whether something stood behind the command when the shield looked is a race; that it may say so is not.
    private bool IsImproper(ReferenceCommand command) => _smtpd.ForbidUnauthPipelining && _sent < client.Sent.Length && command.Verb switch
    {
        "HELO" or "EHLO" or "DATA" or "NOOP" or "VRFY" => true,
        "XCLIENT" or "XFORWARD" or "STARTTLS" or "AUTH" or "MAIL" or "RCPT" or "BDAT" or "RSET" or "ETRN" or "HELP" => !session.IsEsmtp,
        _ => false,
    };

    private void Forward(ReferenceCommand command)
    {
        var isImproper = IsImproper(command);
        if (!TryTakeEvent(MtaEventKind.Command, command.Forwarded, command.Verb, isImproper) || !TryTakeOutput(command.Verb, out var output))
            return;

        var isAsking = output.Code is >= 300 and < 400;
        if (isAsking && (command.Verb, output.Code) is not (("DATA", 354) or ("AUTH", 334)))
        {
            End(Unavailable);
            return;
        }

        // What arrived together with STARTTLS was there when the reply came; what was sent later may have been.
        if (command.Verb == "STARTTLS" && output.Code == 220 && _sent < client.Sent.Length && (client.IsWithinAWrite(_sent) || IsFinal(NotSynchronized)))
        {
            End([NotSynchronized, .. Excuses(command.Verb)]);
            return;
        }

        var isOffer = command.Verb == "EHLO" && output.Code < 300;
        Observe(isOffer ? ReferenceEhlo.Filter(output.Relayed, configuration, session) : output.Relayed, Excuses(command.Verb));
        if (_isOver)
            return;

        if (isOffer)
            session.Offer(output.Relayed);
        if (isAsking)
        {
            if (command.Verb == "DATA")
                Content();
            else
                SaslResponse();
            return;
        }

        Complete(command.Verb, output.Relayed);
        if (!_isOver && command.Verb == "STARTTLS" && output.Code == 220)
            Tunnel();
    }

    private void Content()
    {
        var content = client.Sent[_sent..];
        var expected = ReferenceContent.Of(content, _smtpd.ForbidBareNewline is BareNewlinePolicy.Reject);
        var received = TakePart(MtaEventKind.Content, content[..expected.Length]);
        _sent = client.Sent.Length;
        var isEarly = IsEarly;
        if (expected.Ending is ReferenceContent.Kind.Ended)
        {
            _sent = client.Sent.Length - content.Length + expected.Length;
            MessageReply("DATA", received, isEarly, endsMessage: true);
            return;
        }

        if (received is { IsComplete: true })
            Fail("the MTA saw an end of mail data that was not sent");
        if (isEarly && TakeEarlyReply())
            return;
        var isRefused = expected.Ending is ReferenceContent.Kind.Ambiguous;
        const string refusal = "521 5.5.2 mail.example.com Error: bare <LF> received";
        if (isRefused && (IsFinal(refusal) || !MayBeLost))
            End(refusal);
        else
            EndUnfinished();
    }

    private void Chunk(ReferenceCommand command, string? refusal)
    {
        if (!session.OffersChunking)
        {
            AnswerHere("BDAT", "521 5.5.1 Error: command not implemented", ends: true);
            return;
        }

        if (command.Chunk is not var (size, isLast))
        {
            AnswerHere("BDAT", "521 5.5.4 Syntax: BDAT count [LAST]", ends: true);
            return;
        }

        var isImproper = IsImproper(command);
        var chunk = client.Sent.Substring(_sent, Math.Min(size, client.Sent.Length - _sent));
        _sent += chunk.Length;
        Obey();
        if (refusal is not null)
        {
            if (chunk.Length == size)
                AnswerHere("BDAT", refusal);
            else
                EndUnfinished();
            return;
        }

        // An MTA that has closed, and a client that ends inside its chunk: the session ends for the one that is noticed first. What was not flushed by then,
        // the command too, stays behind.
        if (chunk.Length < size && _event == mta.Events.Count && !IsEarly)
        {
            if (mta.HasClosed)
                EndQuietly();
            else
                EndUnfinished();
            return;
        }

        // What an MTA said unasked, without having seen the command, may have been taken for the reply to the chunk.
        if (_event == mta.Events.Count && IsTalkingOutOfTurn && TakeEarlyReply(Unavailable))
            return;
        if (!TryTakeEvent(MtaEventKind.Command, command.Forwarded, "BDAT", isImproper))
            return;
        var received = TakePart(MtaEventKind.Chunk, chunk);
        var isEarly = IsEarly;
        if (chunk.Length < size)
        {
            if (received is { IsComplete: true })
                Fail("the MTA got a whole chunk of which only a part was sent");
            if (!isEarly || !TakeEarlyReply(Unavailable))
                EndUnfinished();
            return;
        }

        MessageReply("BDAT", received, isEarly, endsMessage: isLast, isEmptyChunk: size == 0 && !isLast);
    }

    private void MessageReply(string verb, MtaEvent? received, bool isEarly, bool endsMessage, bool isEmptyChunk = false)
    {
        Obey();
        if (received is { IsComplete: true } && endsMessage && circumstances.End is HuntEnd.DrainDeadline && IsFinal(NotAvailable) && verb == "DATA")
            Fail("the client is told that its message failed, and nobody knows");
        if (isEarly && endsMessage && circumstances.SentBeforeVerdict.TryGetValue(_output, out var sent) && sent < _sent && !_isBlind
            && mta.Outputs[_output] is { Code: < 300 } verdict && Rest.StartsWith(verdict.Relayed))
        {
            Fail("a message was acknowledged before it was whole");
        }
        if (isEarly && TakeEarlyReply(verb == "BDAT" ? Unavailable : ""))
            return;

        if (received is not { IsComplete: true } && !isEarly)
        {
            if (!MayBeLost)
                Fail("a message or chunk did not reach the MTA whole");
            End([Unavailable]);
            return;
        }

        if (!TryTakeOutput(verb, out var output))
            return;
        if (output.Code is >= 300 and < 400)
        {
            End(Unavailable);
            return;
        }

        Observe(output.Relayed, Excuses(verb));
        if (_isOver)
            return;
        Complete(verb, output.Relayed, isEmptyChunk, endsMessage);

        // What follows content waits until the MTA has taken all of that, however early it was judged: to the drain the session is idle meanwhile.
        _isMtaBehind = isEarly && circumstances.MtaHoldsBack;
    }

    // The MTA answered before it had the whole: whether the shield had it all by then is a race.
    private bool IsEarly => _output < mta.Outputs.Count && _event > 0 && mta.Outputs[_output].EventsBefore < _event;

    // A client that goes may have got no more than that, although the session did not end there: nothing reaches the MTA behind content that did not end.
    private bool HasGoneOn => client.HasVanished && _event < mta.Events.Count && !IsFarewell(_event);

    // True: the session ended with it.
    private bool TakeEarlyReply(string behind = "")
    {
        var output = mta.Outputs[_output];
        if (output.Code < 400 && IsFinal(Unavailable))
        {
            End(Unavailable);
            return true;
        }

        var whole = output.Relayed + (behind.Length > 0 ? Adapt(behind) + "\r\n" : "");
        if (!_isBlind && output.Code >= 400 && Rest.SequenceEqual(whole) && !HasGoneOn)
        {
            _output++;
            End([], everything: true);
            return true;
        }

        return false;
    }

    private void SaslResponse()
    {
        if (!TryReadLine(out var line))
        {
            EndUnfinished();
            return;
        }

        var isTooLong = line.Length > 12288 || _rawLength > 12290;
        if (!isTooLong && session.SpentOnLogins() is { } spent)
        {
            AnswerHere("AUTH", spent, ends: true);
            return;
        }

        var refusal = isTooLong
            ? "500 5.5.6 Error: authentication exchange line is too long"
            : line.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0 ? "500 5.5.2 Error: bad syntax" : null;
        if (!TryTakeEvent(MtaEventKind.SaslResponse, refusal is null ? line : "*", "AUTH", isImproper: false) || !TryTakeOutput("AUTH", out var output))
            return;

        if (refusal is not null && output.Code is not (421 or 521))
        {
            if (output.Code < 400)
                End(Unavailable);
            else
                AnswerHere("AUTH", refusal);
            return;
        }

        if (output.Code is >= 300 and < 400 and not 334)
        {
            End(Unavailable);
            return;
        }

        Observe(output.Relayed, Excuses("AUTH"));
        if (_isOver)
            return;
        if (output.Code is 334)
            SaslResponse();
        else
            Complete("AUTH", output.Relayed);
    }

    private void Tunnel()
    {
        TakePart(MtaEventKind.Tunnel, client.Sent[_sent..]);
        _sent = client.Sent.Length;
        if (!_isBlind && !mta.Tunnelled.AsSpan().StartsWith(Rest))
            Fail("something else than the MTA's octets came behind STARTTLS");
        End([], everything: true);
    }

    private void AnswerHere(string verb, string reply, bool ends = false)
    {
        Observe(Adapt(reply) + "\r\n", Excuses(verb));
        if (_isOver)
            return;
        if (ends)
            EndQuietly();
        else
            Complete(verb, reply, isOwn: true);
    }

    private void Complete(string verb, string reply, bool isEmptyChunk = false, bool endsMessage = false, bool isOwn = false)
    {
        _isMtaBehind = false;
        var code = reply[..3];
        if (code is "421" or "521")
        {
            EndQuietly();
            return;
        }

        session.Answered(verb, reply, isEmptyChunk, endsMessage, isOwn);
        if (code == "221")
            EndQuietly();
        else if (session.HasTooManyErrors && verb == "STARTTLS" && code == "220")
            EndQuietly(); // What the client expects now is a handshake.
        else if (session.HasTooManyErrors)
            End("421 4.7.0 mail.example.com Error: too many errors");
    }

    // The next command the MTA received must be this one. False: it never got there, which must have a reason.
    private bool TryTakeEvent(MtaEventKind kind, string octets, string verb, bool isImproper)
    {
        if (_event < mta.Events.Count && mta.Events[_event] is { IsComplete: true } next)
        {
            if (next.Kind == kind && next.Octets == octets)
            {
                _event++;
                return true;
            }

            if (!IsFarewell(_event))
                Fail($"the MTA received {next.Kind} {Show(next.Octets)} where {kind} {Show(octets)} was next");
        }

        if (_isBlind || MayBeLost || IsTalkingOutOfTurn)
            End(Excuses(verb));
        else if (isImproper && IsFinal(NotSynchronized))
            End(NotSynchronized);
        else
            Fail($"the MTA never received {kind} {Show(octets)}");
        return false;
    }

    private IEnumerable<string> OutOfTurn()
    {
        if (!IsTalkingOutOfTurn)
            yield break;
        yield return Unavailable;
        if (mta.Outputs[_output].Code == 421)
            yield return mta.Outputs[_output].Relayed[..^2];
    }

    private MtaEvent? TakePart(MtaEventKind kind, string octets)
    {
        if (_event >= mta.Events.Count)
            return null;
        var part = mta.Events[_event];
        if (part.Kind != kind && IsFarewell(_event))
            return null;
        if (part.Kind != kind || !octets.StartsWith(part.Octets, StringComparison.Ordinal) || (part.IsComplete && part.Octets.Length != octets.Length))
            Fail($"the MTA received {part.Kind} {Show(part.Octets)} where {kind} {Show(octets)} was next");
        _event++;
        return part;
    }

    // The next thing the MTA said is the reply, whatever it said it to.
    private bool TryTakeOutput(string verb, out MtaOutput output)
    {
        output = null!;
        if (_output >= mta.Outputs.Count)
        {
            if (!MayBeLost && !_isBlind)
                Fail("the MTA has not answered");
            End([.. Excuses(verb)]);
            return false;
        }

        output = mta.Outputs[_output++];
        if (output.EventsBefore < _event && !(output.EventsBefore == _event - 1 && mta.Events[_event - 1].Kind is MtaEventKind.Content or MtaEventKind.Chunk))
        {
            // Said before it was asked: either it is taken for the answer or the session has ended over it. What the MTA takes what
            // follows for is its own affair.
            _isOutOfStep = true;
            if (IsFinal(Unavailable) || (output.Code == 421 && IsFinal(output.Relayed[..^2])) || _isBlind)
            {
                _isOver = true;
                return false;
            }

            var relayed = verb == "EHLO" && output.Code is >= 200 and < 300 ? ReferenceEhlo.Filter(output.Relayed, configuration, session) : output.Relayed;
            if (!Rest.StartsWith(relayed) && !(client.HasVanished && relayed.AsSpan().StartsWith(Rest))
                && !(mta.HasClosed && IsFinal("221 2.0.0 Bye")))
            {
                Fail($"neither the reply {Show(relayed)} nor an end but {Show(Rest.ToString())}");
            }
            _isOver = true;
            return false;
        }

        if (output.Code == 0)
        {
            End(Unavailable);
            return false;
        }

        return true;
    }

    // An MTA that closes may take replies it gave with it; the client must be told then.
    private string[] Excuses(string verb) =>
    [
        .. Anywhere, .. OutOfTurn(), .. mta.HasClosed ? [Unavailable] : Array.Empty<string>(),
        .. mta.HasClosed && verb == "QUIT" ? ["221 2.0.0 Bye"] : Array.Empty<string>(),
    ];

    private bool MayBeLost => mta.HasClosed || client.HasVanished || circumstances.End is HuntEnd.MtaTimeout or HuntEnd.DrainDeadline || IsTooLate
        || (mta.IsSilent && circumstances.End is HuntEnd.ClientTimeout);

    // A session that waited for the fate of a message ends without a word. From a client that took nothing one can't know.
    private bool IsCutOff => circumstances.End is HuntEnd.DrainDeadline && Rest.Length == 0 && !client.HasVanished;

    private bool IsFinal(string reply) => !_isBlind && Rest is [.. var line, '\r', '\n'] && line.SequenceEqual(Adapt(reply));

    // The next reply the client got, or what it got instead when the session ended there.
    private void Observe(string expected, string[] instead)
    {
        if (_isBlind)
            return;
        if (Rest.StartsWith(expected))
        {
            _got += expected.Length;
            return;
        }

        if (instead.Any(IsFinal) || IsCutOff)
            End(instead);
        else if (client.HasVanished && expected.AsSpan().StartsWith(Rest))
            _isBlind = true;
        else
            Fail($"the client got {Show(Rest.ToString())} where {Show(expected)} was next");
    }

    private void End(params string[] finals) => End(finals, everything: false);

    private void End(string[] finals, bool everything)
    {
        _isOver = true;
        if (_isBlind || everything || IsCutOff || finals.Any(IsFinal))
            _got = client.Received.Length;
        else if (client.HasVanished && (Rest.Length == 0 || finals.Any(final => Adapt(final).AsSpan().StartsWith(Rest))))
            _got = client.Received.Length;
        else
            Fail($"the session ended with {Show(Rest.ToString())} and not with {string.Join(" or ", finals.Select(Show))}");
    }

    // The client owes the rest.
    private void EndUnfinished()
    {
        if (circumstances.End is HuntEnd.ClientTimeout && !client.HasVanished)
            End(TimeoutExceeded);
        else
            EndQuietly();
    }

    // Nothing more is said.
    private void EndQuietly()
    {
        _isOver = true;
        if (!_isBlind && Rest.Length > 0 && !(Excuses("").Concat(IsEarly ? [Unavailable] : []).Any(IsFinal)))
            Fail($"the session was over, but the client got {Show(Rest.ToString())}");
        _got = client.Received.Length;
    }

    // Commands of a group may be with the MTA although an earlier reply ended the session: they too must be the client's, in its order.
    private void CheckLeftOver()
    {
        for (; _event < mta.Events.Count; _event++)
        {
            var left = mta.Events[_event];
            if (left.Octets.Length == 0 && !left.IsComplete)
                continue;
            if (IsFarewell(_event))
                return;
            if (!TryFindLeftOver(left))
                Fail($"the MTA received {left.Kind} {Show(left.Octets)}, which the client did not send there");
        }

        if (circumstances.HasBegunTls && !mta.HasClosed)
            Fail("the MTA's session in clear was not ended");
    }

    // The shield leaves an MTA that expects a command with QUIT, and cancels a login before, which not every MTA minds.
    private bool IsFarewell(int index) => mta.Events[index] switch
    {
        { Kind: MtaEventKind.Command or MtaEventKind.SaslResponse, Octets: "QUIT", IsComplete: true } => index == mta.Events.Count - 1,
        { Kind: MtaEventKind.SaslResponse, Octets: "*", IsComplete: true } => index == mta.Events.Count - 2 && IsFarewell(index + 1),
        _ => false,
    };

    private bool TryFindLeftOver(MtaEvent left)
    {
        if (left.Kind is MtaEventKind.Chunk)
        {
            var isSent = string.CompareOrdinal(client.Sent, _sent, left.Octets, 0, left.Octets.Length) == 0;
            _sent += left.Octets.Length;
            return isSent;
        }

        while (left.Kind is MtaEventKind.Command && TryReadLine(out var line))
        {
            var command = ReferenceCommand.Parse(line);
            if (left.IsComplete ? command.Forwarded == left.Octets : (command.Forwarded + "\r").StartsWith(left.Octets, StringComparison.Ordinal))
                return true;

            // It was refused, and its chunk dropped with it.
            if (command.Verb == "BDAT" && command.Chunk is var (size, _))
                _sent = Math.Min(client.Sent.Length, _sent + size);
        }

        return false;
    }

    private string Adapt(string reply)
    {
        if (!session.OmitsEnhancedCodes)
            return reply;

        var words = reply.Split(' ', 3);
        return words.Length == 3 && words[1].Length == 5 && words[1][1] == '.' && words[1][3] == '.' ? words[0] + " " + words[2] : reply;
    }

    private static string Show(string octets) => SessionText.Show(octets.Length > 300 ? octets[..300] + "..." : octets);

    private static void Fail(string problem) => throw new HuntException(problem);
}
