using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using SmtpShield.Protocol;

namespace SmtpShield.Mta.Learned;

/// <summary>
/// What one MTA says to one kind of clients: its greeting, its replies to EHLO, its reply to HELP. Real sessions teach it, and probes as long as none of those
/// has for an hour. What is announced is what all replies of the last hour have in common, so that no client is told what the MTA may not keep.
/// </summary>
/// <remarks>
/// A probe speaks as the shield, and an MTA may offer others more or less: the first real session takes the place of all that probes have taught. What probes
/// are told also shows whether it is still the same MTA: a list no probe has heard within the hour is a new one's, and nothing that was learned before counts
/// any more. One that probes have heard already is no news, so that several MTAs behind one address are what they have in common.
/// </remarks>
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

    private const string Greeting = "greeting";
    private const string PersonalGreeting = "personal-greeting";
    private const string Ehlo = "ehlo";
    private const string ProbedEhlo = "probed-ehlo";
    private const string HelpReply = "help";
    private const string Off = "off";

    private readonly Lock _gate = new();
    private readonly List<Heard> _lists = [];
    private readonly List<Heard> _probed = [];
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
            Take(greeting);
    }

    /// <summary>It has answered a client's first EHLO in a session with 250.</summary>
    /// <param name="reply">The whole reply.</param>
    /// <returns>What it offers.</returns>
    public EhloOffer NoteEhlo(ReadOnlySpan<byte> reply)
    {
        if (Volatile.Read(ref _newest) is { IsOfProbe: false } newest && newest.Octets.AsSpan().SequenceEqual(reply))
        {
            newest.Touch(time.GetTimestamp());
            return newest.Offer!;
        }

        lock (_gate)
        {
            if (_lists.RemoveAll(static list => list.IsOfProbe) > 0)
                _promise = null;
            return Add(reply, isOfProbe: false);
        }
    }

    /// <summary>It has greeted a probe, and answered its EHLO with 250.</summary>
    /// <param name="greeting">The greeting, code 220.</param>
    /// <param name="reply">The whole reply.</param>
    /// <returns>Whether it is another MTA than before, and what was known is forgotten.</returns>
    public bool NoteProbe(ReadOnlySpan<byte> greeting, ReadOnlySpan<byte> reply)
    {
        lock (_gate)
        {
            var isNew = IsNewToProbes(reply);
            if (isNew)
                ForgetAll();
            if (_newest is { IsOfProbe: false } real && !IsOver(real, Lasts))
                return isNew;

            // So are all others of real sessions.
            _lists.RemoveAll(list => IsOver(list, Lasts));
            Take(greeting);
            Add(reply, isOfProbe: true);
            return isNew;
        }
    }

    /// <summary>It has answered HELP.</summary>
    /// <param name="code">The code.</param>
    /// <param name="reply">The whole reply.</param>
    public void NoteHelp(int code, ReadOnlySpan<byte> reply)
    {
        if (Volatile.Read(ref _help) is { } known && known.Octets.AsSpan().SequenceEqual(reply))
            known.Touch(time.GetTimestamp());
        else
            Volatile.Write(ref _help, new(reply.ToArray(), code, null, time.GetTimestamp(), isOfProbe: false));
    }

    /// <summary>All that is known, for another process: a line each.</summary>
    public IReadOnlyList<string> Lines()
    {
        lock (_gate)
        {
            List<string> lines = [];
            if (_greeting.Length > 0)
                lines.Add($"{(_isGreetingPersonal ? PersonalGreeting : Greeting)} {Convert.ToBase64String(_greeting)}");
            // The newest last: what is taken last is that.
            foreach (var list in _lists.Where(list => list != _newest).Append(_newest).OfType<Heard>())
                lines.Add(LineOf(list.IsOfProbe ? ProbedEhlo : Ehlo, list));
            if (_help is { } help)
                lines.Add(LineOf(HelpReply, help));
            if (_offSince is { } since && IsOff)
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"{Off} {SecondsSince(since)}"));
            return lines;
        }
    }

    /// <summary>Takes what another process has known. One that is not understood says nothing.</summary>
    public void Take(string line)
    {
        lock (_gate)
        {
            switch (line.Split(' '))
            {
                case [Greeting or PersonalGreeting, var text] when Octets(text) is { } octets:
                    _greeting = octets;
                    _isGreetingPersonal = line.StartsWith(PersonalGreeting, StringComparison.Ordinal);
                    break;
                case [Ehlo or ProbedEhlo, var age, _, var text] when Octets(text) is { } octets && Ago(age) is { } at && _lists.Count < MostLists:
                    _newest = new(octets, 250, EhloOffer.Parse(octets), at, line.StartsWith(ProbedEhlo, StringComparison.Ordinal));
                    _lists.Add(_newest);
                    break;
                case [HelpReply, var age, var code, var text] when Octets(text) is { } octets && Ago(age) is { } at
                    && int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var number):
                    _help = new(octets, number, null, at, isOfProbe: false);
                    break;
                case [Off, var age] when Ago(age) is { } at:
                    _offSince = at;
                    break;
            }
        }
    }

    /// <summary>It is another one now, or was upgraded: what it said before does not count.</summary>
    public void Forget()
    {
        lock (_gate)
            ForgetAll();
    }

    private string LineOf(string word, Heard heard) => string.Create(CultureInfo.InvariantCulture,
        $"{word} {SecondsSince(heard.LastAt)} {heard.Code} {Convert.ToBase64String(heard.Octets)}");

    private long SecondsSince(long timestamp) => (long)time.GetElapsedTime(timestamp).TotalSeconds;

    private long? Ago(string seconds) => int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var age)
        ? time.GetTimestamp() - (age * time.TimestampFrequency) : null;

    private static byte[]? Octets(string text)
    {
        var octets = new byte[text.Length];
        return Convert.TryFromBase64String(text, octets, out var length) ? octets[..length] : null;
    }

    private void ForgetAll()
    {
        _lists.Clear();
        _greeting = [];
        _isGreetingPersonal = false;
        _newest = _help = null;
        _promise = null;
    }

    private void Take(ReadOnlySpan<byte> greeting)
    {
        if (_greeting.AsSpan().SequenceEqual(greeting))
            return;

        _isGreetingPersonal |= _greeting.Length > 0 && WithoutDigits(_greeting) != WithoutDigits(greeting);
        Volatile.Write(ref _greeting, greeting.ToArray());
        _promise = null;
    }

    // By what it offers: what else its first line says may be about the shield, or a date.
    private bool IsNewToProbes(ReadOnlySpan<byte> reply)
    {
        var now = time.GetTimestamp();
        _probed.RemoveAll(probed => IsOver(probed, Lasts));
        var offer = EhloOffer.Parse(reply);
        if (_probed.Find(probed => probed.Octets.AsSpan().SequenceEqual(offer.Octets.Span)) is { } known)
        {
            known.Touch(now);
            return false;
        }

        if (_probed.Count == MostLists)
            _probed.RemoveAt(0);
        _probed.Add(new(offer.Octets.ToArray(), 250, offer, now, isOfProbe: true));
        return _probed.Count > 1;
    }

    private EhloOffer Add(ReadOnlySpan<byte> reply, bool isOfProbe)
    {
        var now = time.GetTimestamp();
        var octets = reply.ToArray();
        var heard = _lists.Find(list => list.Octets.AsSpan().SequenceEqual(octets));
        if (heard is null)
        {
            _lists.RemoveAll(list => IsOver(list, Lasts));
            heard = new(octets, 250, EhloOffer.Parse(octets), now, isOfProbe);
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

    private sealed class Heard(byte[] octets, int code, EhloOffer? offer, long at, bool isOfProbe)
    {
        private long _lastAt = at;

        public byte[] Octets => octets;

        public int Code => code;

        public EhloOffer? Offer => offer;

        public bool IsOfProbe => isOfProbe;

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
