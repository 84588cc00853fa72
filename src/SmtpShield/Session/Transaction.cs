using System.Text;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>
/// What the MTA has been told and has accepted: HELO, the open mail transaction and how much of its message has come; and the client's lines until they are
/// answered. HELO and MAIL are kept whole, as they would be said to another MTA; of the rest, and in log lines, <see cref="LongestWords"/> octets.
/// </summary>
internal sealed class Transaction
{
    /// <summary>Octets kept of words that are for log lines only.</summary>
    public const int LongestWords = 256;

    /// <summary>Octets of unanswered lines above which no further command is taken.</summary>
    public const int MostKept = 32 * 1024;

    private byte[] _lines = [];
    private Line _helo;
    private Line _sender;
    private Line _recipient;
    private int _length;
    private int _needless;
    private int _removed;
    private int _overshoot;

    /// <summary>The client has said EHLO, and was offered PIPELINING: a HELO behind it does not take that back (smtpd.c, <c>helo_cmd</c>).</summary>
    public bool IsEsmtp { get; private set; }

    /// <summary>The MTA has accepted HELO or EHLO.</summary>
    public bool HasHelo { get; private set; }

    /// <summary>What the client has said last of the two was EHLO.</summary>
    public bool SaidEhlo { get; private set; }

    /// <summary>The HELO or EHLO line the MTA has accepted last, without its end; empty before.</summary>
    public ReadOnlySpan<byte> HeloLine => _helo.Whole;

    /// <summary>The HELO or EHLO name; empty before.</summary>
    public ReadOnlySpan<byte> Helo => _helo.Words;

    /// <summary>A transaction is open: the MTA has accepted MAIL.</summary>
    public bool HasSender { get; private set; }

    /// <summary>The MAIL line of the open transaction, without its end. Meaningful only while <see cref="HasSender"/>.</summary>
    public ReadOnlySpan<byte> SenderLine => _sender.Whole;

    /// <summary>The sender of the open transaction, without angle brackets. Meaningful only while <see cref="HasSender"/>.</summary>
    public ReadOnlySpan<byte> Sender => _sender.Words;

    /// <summary>The shield has refused the last MAIL: what follows it in its group was meant for a transaction that is not there.</summary>
    public bool HasRefusedMail { get; private set; }

    /// <summary>Recipients of the open transaction the MTA has accepted.</summary>
    public int Recipients { get; private set; }

    /// <summary>
    /// The first recipient of the open transaction the MTA has accepted, without angle brackets; empty before. Postfix names it in
    /// lines about the whole message.
    /// </summary>
    public ReadOnlySpan<byte> FirstRecipient => Recipients > 0 ? _recipient.Words : default;

    /// <summary>The MTA has accepted a chunk of the open transaction that was not its last: BDAT goes on with the message.</summary>
    public bool HasContent { get; private set; }

    /// <summary>Octets of the current message received so far.</summary>
    public long ContentLength { get; private set; }

    /// <summary>Octets of the lines of the current message behind DATA that are complete, for log lines.</summary>
    public long CompleteLines { get; private set; }

    /// <summary>BDAT commands of the current message.</summary>
    public int Chunks { get; private set; }

    /// <summary>Octets of the current BDAT chunk that are still to come.</summary>
    public long ChunkRemaining { get; private set; }

    /// <summary>The reply to a refused BDAT, given when its chunk has been read and dropped; null while chunks go to the MTA.</summary>
    public Reply? ChunkRefusal { get; private set; }

    /// <summary><see cref="ChunkRefusal"/> is given in the MTA's place.</summary>
    public bool IsChunkRefusalMtas { get; private set; }

    /// <summary>Whether there is room for the line of another command.</summary>
    public bool HasRoom => _length - _needless < MostKept;

    /// <summary>The session goes on behind STARTTLS: all that is kept is that the client has said EHLO.</summary>
    public static Transaction After(bool isEsmtp) => new() { IsEsmtp = isEsmtp };

    /// <summary>Keeps a line until its command's reply.</summary>
    /// <param name="line">The line, without its end.</param>
    /// <param name="words">The part of it that log lines quote.</param>
    /// <returns>Where it is kept.</returns>
    public KeptLine KeepWhole(ReadOnlySpan<byte> line, ReadOnlySpan<byte> words) =>
        new(Append(line), line.Length, line.Overlaps(words, out var start) ? start : 0, Math.Min(words.Length, LongestWords));

    /// <summary>Keeps the words of a line that log lines quote, until its command's reply.</summary>
    /// <returns>Where they are kept, and how much of them.</returns>
    public KeptLine Keep(ReadOnlySpan<byte> words)
    {
        if (words.Length > LongestWords)
            words = words[..LongestWords];
        return new(Append(words), words.Length, 0, words.Length);
    }

    /// <summary>The words of a line kept before.</summary>
    public ReadOnlySpan<byte> WordsOf(KeptLine kept) => LineOf(kept).Slice(kept.WordsStart, kept.WordsLength);

    /// <summary>
    /// The oldest command has its reply: what was kept for it is not needed any more. A client that always has another command waiting must not make this grow.
    /// </summary>
    public void Forget(KeptLine kept)
    {
        if (kept.Length > 0)
            _needless = kept.Start + kept.Length - _removed;
        if (_needless == _length)
            (_length, _needless, _removed) = (0, 0, 0);
    }

    /// <summary>The MTA has accepted HELO or EHLO: a new name, no transaction (RFC 5321 section 4.1.4).</summary>
    public void Greet(KeptLine kept, bool isEsmtp)
    {
        IsEsmtp |= isEsmtp;
        SaidEhlo = isEsmtp;
        HasHelo = true;
        _helo.Set(LineOf(kept), kept);
        Reset();
    }

    /// <summary>The MTA has refused the client's HELO, which it was answered in the MTA's place: it has said none.</summary>
    public void ForgetHelo() => HasHelo = SaidEhlo = false;

    /// <summary>The MTA has accepted RSET, or something that is one.</summary>
    public void Reset()
    {
        Close();
        Chunks = 0;
    }

    /// <summary>The MTA has accepted MAIL.</summary>
    public void Open(KeptLine kept)
    {
        Close();
        _sender.Set(LineOf(kept), kept);
        HasSender = true;
    }

    /// <summary>The MTA has accepted RCPT.</summary>
    public void AddRecipient(KeptLine kept)
    {
        if (Recipients++ == 0)
            _recipient.Set(LineOf(kept), kept);
    }

    /// <summary>The MTA has refused a recipient as one too many.</summary>
    /// <param name="limit">How many of those are no errors (Postfix <c>smtpd_recipient_overshoot_limit</c>).</param>
    /// <returns>Whether this one is none.</returns>
    public bool IsOvershoot(int limit) => ++_overshoot <= limit;

    /// <summary>A MAIL was judged.</summary>
    /// <param name="isRefused">Whether the shield has refused it.</param>
    public void NoteMail(bool isRefused) => HasRefusedMail = isRefused;

    /// <summary>The MTA has asked for the content of a message.</summary>
    public void BeginContent() => ContentLength = CompleteLines = 0;

    /// <summary>Content has come.</summary>
    public void AddContent(long octets) => ContentLength += octets;

    /// <summary>So many octets are lines that are complete.</summary>
    public void NoteCompleteLines(long octets) => CompleteLines = octets;

    /// <summary>A BDAT has come; how many is it?</summary>
    public int CountChunk() => ++Chunks;

    /// <summary>The octets of a chunk are next.</summary>
    /// <param name="size">How many.</param>
    /// <param name="refusal">Why the MTA gets none of them, or null.</param>
    /// <param name="isMtas">The refusal is given in the MTA's place.</param>
    public void BeginChunk(long size, Reply? refusal, bool isMtas = false) =>
        (ChunkRemaining, ChunkRefusal, IsChunkRefusalMtas) = (size, refusal, isMtas);

    /// <summary>Octets of the chunk have come.</summary>
    public void AddChunk(long octets)
    {
        ChunkRemaining -= octets;
        AddContent(octets);
    }

    /// <summary>The MTA has answered BDAT.</summary>
    /// <param name="goesOn">It has taken the chunk, and it was not the last.</param>
    public void NoteChunkReply(bool goesOn) => HasContent = goesOn;

    /// <summary>The MTA has answered the whole message.</summary>
    public void EndMessage() => (HasSender, HasContent, Recipients, ContentLength, Chunks) = (false, false, 0, 0, 0);

    /// <summary>Postfix's tail of a reject line: <c>from=&lt;a@b&gt; to=&lt;x@y&gt; proto=ESMTP helo=&lt;h&gt;</c>, what is not known left out.</summary>
    /// <param name="sender">The sender.</param>
    /// <param name="recipient">The recipient; empty when there is none.</param>
    /// <param name="hasSender">Whether there is a sender; the null sender is one.</param>
    public string Describe(ReadOnlySpan<byte> sender, ReadOnlySpan<byte> recipient, bool hasSender)
    {
        var text = new StringBuilder();
        if (hasSender)
            text.Append("from=<").Append(Observe.ClientText.Escape(sender)).Append("> ");
        if (!recipient.IsEmpty)
            text.Append("to=<").Append(Observe.ClientText.Escape(recipient)).Append("> ");
        text.Append("proto=").Append(IsEsmtp ? "ESMTP" : "SMTP");
        if (!Helo.IsEmpty)
            text.Append(" helo=<").Append(Observe.ClientText.Escape(Helo)).Append('>');
        return text.ToString();
    }

    /// <summary>The same, of the open transaction as a whole.</summary>
    public string Describe() => Describe(Sender, FirstRecipient, HasSender);

    private ReadOnlySpan<byte> LineOf(KeptLine kept) => kept.Length == 0 ? default : _lines.AsSpan(kept.Start - _removed, kept.Length);

    private void Close() => (HasSender, HasContent, Recipients, ContentLength, _overshoot) = (false, false, 0, 0, 0);

    private int Append(ReadOnlySpan<byte> text)
    {
        if (_lines.Length - _length < text.Length)
            MakeRoom(text.Length);
        text.CopyTo(_lines.AsSpan(_length));
        _length += text.Length;
        return _removed + _length - text.Length;
    }

    private void MakeRoom(int length)
    {
        _lines.AsSpan(_needless.._length).CopyTo(_lines);
        _removed += _needless;
        _length -= _needless;
        _needless = 0;
        if (_lines.Length - _length < length)
            Array.Resize(ref _lines, Math.Max(32, (_length + length) * 2));
    }

    private struct Line
    {
        private byte[]? _octets;
        private int _length;
        private int _wordsStart;
        private int _wordsLength;

        public readonly ReadOnlySpan<byte> Whole => _octets.AsSpan(0, _length);

        public readonly ReadOnlySpan<byte> Words => _octets.AsSpan(_wordsStart, _wordsLength);

        public void Set(ReadOnlySpan<byte> line, KeptLine kept)
        {
            if (_octets is null || _octets.Length < line.Length)
                _octets = new byte[line.Length];
            line.CopyTo(_octets);
            (_length, _wordsStart, _wordsLength) = (line.Length, kept.WordsStart, kept.WordsLength);
        }
    }
}
