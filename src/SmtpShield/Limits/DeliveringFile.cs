using System.Globalization;
using System.Net;
using SmtpShield.Clients;
using SmtpShield.State;

namespace SmtpShield.Limits;

/// <summary>
/// Keeps <see cref="DeliveringClients"/> over a restart, in the file <c>delivering</c> of the state directory: read at start, written every five minutes
/// in which mail was accepted, and at the end.
/// A line is <c>ADDRESS/LENGTH MESSAGES SECOND</c>, the second of its last message, since 1970.
/// </summary>
internal sealed class DeliveringFile : RegularStateFile
{
    private readonly AnvilTable _table;
    private long _written;

    /// <summary>Reads the file.</summary>
    public DeliveringFile(AnvilTable table, StateDirectory directory, TimeProvider time)
        : base(directory, "delivering", Usual, time)
    {
        _table = table;
        var number = 0;
        var known = new List<(ClientRange Range, DeliveredMail Mail)>();
        foreach (var line in Kept.Load())
        {
            number++;
            if (TryRead(line, out var range, out var mail))
                known.Add((range, mail));
            else
                Kept.Skip(number);
        }

        // The oldest mail first: it goes first when there is no room.
        foreach (var (range, mail) in known.OrderBy(static one => one.Mail.LastAt))
            table.Deliveries.Restore(range, mail);
    }

    /// <inheritdoc/>
    protected override bool HasChanged => _table.Delivering.Noted != _written;

    /// <inheritdoc/>
    protected override IEnumerable<string> Lines()
    {
        // What comes while it is written is written the next time.
        _written = _table.Delivering.Noted;
        return _table.Delivering.All().Select(static one => Write(one.Key, one.Value));
    }

    private static string Write(in ClientRange range, DeliveredMail mail) =>
        string.Create(CultureInfo.InvariantCulture, $"{range.Address}/{range.PrefixLength} {mail.Messages} {mail.LastAt.ToUnixTimeSeconds()}");

    private static bool TryRead(string line, out ClientRange range, out DeliveredMail mail)
    {
        (range, mail) = (default, default);
        if (line.Split(' ') is not [var prefix, var messages, var second] || !IPNetwork.TryParse(prefix, out var network)
            || !uint.TryParse(messages, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count == 0
            || !uint.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var at))
        {
            return false;
        }

        range = ClientRange.Of(network.BaseAddress, network.PrefixLength, network.PrefixLength);
        mail = new(count, DateTimeOffset.FromUnixTimeSeconds(at));
        return true;
    }
}
