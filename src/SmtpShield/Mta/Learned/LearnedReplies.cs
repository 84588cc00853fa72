using System.Text;
using Microsoft.Extensions.Logging;
using SmtpShield.Protocol;

namespace SmtpShield.Mta.Learned;

/// <summary>
/// What one MTA says to one kind of clients: its greeting, its replies to EHLO, its reply to HELP. Real sessions teach it. What
/// is announced is what all replies of the last hour have in common, so that no client is told what the MTA may not keep.
/// </summary>
/// <param name="destination">The MTA, for log lines.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where log lines go.</param>
internal sealed partial class LearnedReplies(string destination, TimeProvider time, ILogger log)
{
    /// <summary>Different replies to EHLO above which nothing can be said in the MTA's place.</summary>
    public const int MostLists = 8;

    /// <summary>How long a reply counts that others have taken the place of.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromHours(1);

    /// <summary>How long the last reply counts.</summary>
    public static readonly TimeSpan LastsAtMost = TimeSpan.FromHours(24);

    private readonly Lock _gate = new();
    private readonly List<Heard> _lists = [];
    private byte[] _greeting = [];
    private bool _isGreetingPersonal;
    private Heard? _newest;
    private Heard? _help;
    private MtaPromise? _promise;
    private long _promiseEnds;
    private long? _offSince;

    /// <summary>What may be said in its place now; null: nothing has been learned, or what it says differs too much.</summary>
    public MtaPromise? Promise
    {
        get
        {
            lock (_gate)
            {
                if (_promise is null || time.GetTimestamp() >= _promiseEnds)
                    _promise = Conclude();
                return _promise;
            }
        }
    }

    /// <summary>Its reply to HELP, of the last hour.</summary>
    public Reply? Help => Volatile.Read(ref _help) is { } help && !IsOver(help, Lasts) ? new(help.Code, help.Octets) : null;

    /// <summary>It has greeted a client.</summary>
    /// <param name="greeting">The greeting, code 220.</param>
    public void NoteGreeting(ReadOnlySpan<byte> greeting)
    {
        if (Volatile.Read(ref _greeting).AsSpan().SequenceEqual(greeting))
            return;

        lock (_gate)
        {
            _isGreetingPersonal |= _greeting.Length > 0 && WithoutDigits(_greeting) != WithoutDigits(greeting);
            Volatile.Write(ref _greeting, greeting.ToArray());
            _promise = null;
        }
    }

    /// <summary>It has answered a client's first EHLO in a session with 250.</summary>
    /// <param name="reply">The whole reply.</param>
    /// <returns>What it offers.</returns>
    public EhloOffer NoteEhlo(ReadOnlySpan<byte> reply)
    {
        if (Volatile.Read(ref _newest) is { } newest && newest.Octets.AsSpan().SequenceEqual(reply))
        {
            newest.Touch(time.GetTimestamp());
            return newest.Offer!;
        }

        lock (_gate)
            return Add(reply);
    }

    /// <summary>It has answered HELP.</summary>
    /// <param name="code">The code.</param>
    /// <param name="reply">The whole reply.</param>
    public void NoteHelp(int code, ReadOnlySpan<byte> reply)
    {
        if (Volatile.Read(ref _help) is { } known && known.Octets.AsSpan().SequenceEqual(reply))
            known.Touch(time.GetTimestamp());
        else
            Volatile.Write(ref _help, new(reply.ToArray(), code, null, time.GetTimestamp()));
    }

    /// <summary>It is another one now, or was upgraded: what it said before does not count.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _lists.Clear();
            _greeting = [];
            _isGreetingPersonal = false;
            _newest = _help = null;
            _promise = null;
        }
    }

    private EhloOffer Add(ReadOnlySpan<byte> reply)
    {
        var now = time.GetTimestamp();
        var octets = reply.ToArray();
        var heard = _lists.Find(list => list.Octets.AsSpan().SequenceEqual(octets));
        if (heard is null)
        {
            _lists.RemoveAll(list => IsOver(list, Lasts));
            heard = new(octets, 250, EhloOffer.Parse(octets), now);
            if (_lists.Count == MostLists)
                TurnOff(now);
            else
                _lists.Add(heard);
            _promise = null;
        }

        heard.Touch(now);
        Volatile.Write(ref _newest, heard);
        return heard.Offer!;
    }

    private void TurnOff(long now)
    {
        if (!IsOff)
            Log.DiffersTooMuch(log, destination, MostLists);
        _offSince = now;
    }

    private bool IsOff => _offSince is { } since && time.GetElapsedTime(since) < Lasts;

    private MtaPromise? Conclude()
    {
        _promiseEnds = time.GetTimestamp() + time.TimestampFrequency;
        if (_greeting.Length == 0 || _newest is not { Offer: { } newest } || IsOver(_newest, LastsAtMost) || IsOff)
            return null;

        var offer = EhloOffer.Intersect([newest, .. _lists.Where(list => list != _newest && !IsOver(list, Lasts)).Select(static list => list.Offer!)]);
        var greeting = _isGreetingPersonal ? Encoding.Latin1.GetBytes($"220 {offer.FirstWord} ESMTP\r\n") : _greeting;

        // Equal promises are one object: who compares two of them need not look into them.
        return _promise is { } known && known.Greeting.Span.SequenceEqual(greeting) && known.Offer.Octets.Span.SequenceEqual(offer.Octets.Span)
            ? known : new(greeting, offer);
    }

    private bool IsOver(Heard heard, TimeSpan length) => time.GetElapsedTime(heard.LastAt) >= length;

    // A date or a number changes from one greeting to the next; a name or an address would be somebody's.
    private static string WithoutDigits(ReadOnlySpan<byte> text)
    {
        var rest = new StringBuilder(text.Length);
        foreach (var octet in text)
        {
            if (!char.IsAsciiDigit((char)octet))
                rest.Append((char)octet);
            else if (rest.Length == 0 || rest[^1] != '0')
                rest.Append('0');
        }

        return rest.ToString();
    }

    private sealed class Heard(byte[] octets, int code, EhloOffer? offer, long at)
    {
        private long _lastAt = at;

        public byte[] Octets => octets;

        public int Code => code;

        public EhloOffer? Offer => offer;

        public long LastAt => Volatile.Read(ref _lastAt);

        public void Touch(long now) => Volatile.Write(ref _lastAt, now);
    }

    private static partial class Log
    {
        [LoggerMessage(1650, LogLevel.Information, "late dialing off for an hour: upstream {Destination} has given more than {Count} different replies to EHLO",
            EventName = "EhloRepliesDiffer")]
        public static partial void DiffersTooMuch(ILogger logger, string destination, int count);
    }
}
