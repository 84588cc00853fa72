using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Clients;
using SmtpShield.Limits;
using SmtpShield.Options;

namespace SmtpShield.Tests.Limits;

/// <summary>The table as the program makes it.</summary>
internal static class TestAnvil
{
    /// <summary>A table without statistics.</summary>
    public static AnvilTable Table(ShieldSnapshot snapshot, TimeProvider time) =>
        Table(snapshot, time, new AnvilStatistics(snapshot, time, NullLogger<AnvilStatistics>.Instance));

    /// <summary>A table with statistics.</summary>
    public static AnvilTable Table(ShieldSnapshot snapshot, TimeProvider time, AnvilStatistics statistics) =>
        new(snapshot, time, (string service, in AnvilCounts counts) => ClientLimits.IsAnyExceeded(counts, snapshot.Current.Of(service).Limits), statistics);

    /// <summary>Counts of a client, each by its name.</summary>
    public static AnvilCounts Counts(
        int connectionCount, int connectionRate, int messages = 0, int recipients = 0, int newTlsSessions = 0, int auths = 0,
        int errors = 0, int authFailures = 0)
    {
        var rates = AnvilEventCounts.OfConnections(connectionRate);
        rates[AnvilEventCounts.IndexOf(AnvilEvent.Message)] = messages;
        rates[AnvilEventCounts.IndexOf(AnvilEvent.Recipient)] = recipients;
        rates[AnvilEventCounts.IndexOf(AnvilEvent.NewTlsSession)] = newTlsSessions;
        rates[AnvilEventCounts.IndexOf(AnvilEvent.Auth)] = auths;
        rates[AnvilEventCounts.IndexOf(AnvilEvent.Error)] = errors;
        rates[AnvilEventCounts.IndexOf(AnvilEvent.AuthFailure)] = authFailures;
        return new(connectionCount, rates);
    }

    /// <summary>A client at <c>smtp</c>.</summary>
    public static AnvilKey Key(string address) => new("smtp", ClientRange.Of(IPAddress.Parse(address), 32, 128));

    /// <summary>The n-th of many clients, each a /64 of its own.</summary>
    public static AnvilKey Key(int number) => new("smtp", new ClientRange((UInt128)0x2001_0db8_0000_0000UL << 64 | (UInt128)(uint)number << 64, 64, false));
}
