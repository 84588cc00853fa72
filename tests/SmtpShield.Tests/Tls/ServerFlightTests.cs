using SmtpShield.Tls;

namespace SmtpShield.Tests.Tls;

public class ServerFlightTests
{
    private static readonly TestCaseData[] s_flights =
    [
        new(RecordedFlights.Tls13Full, false, "X25519") { TestName = "Tls13Full" },
        new(RecordedFlights.Tls13Resumed, true, "X25519") { TestName = "Tls13Resumed" },
        new(RecordedFlights.Tls13Retried, false, "ECDHE (secp384r1)") { TestName = "Tls13Retried" },
        new(RecordedFlights.Tls13RetriedResumed, true, "ECDHE (secp384r1)") { TestName = "Tls13RetriedResumed" },
        new(RecordedFlights.Tls12Full, false, null) { TestName = "Tls12Full" },
        new(RecordedFlights.Tls12ResumedByTicket, true, null) { TestName = "Tls12ResumedByTicket" },
    ];

    [TestCaseSource(nameof(s_flights))]
    public void Observe_OfAFlightSplitAtEveryOctet_FindsTheSame(string hex, bool isResumed, string? group)
    {
        var octets = Convert.FromHexString(hex);
        for (var split = 0; split <= octets.Length; split++)
        {
            var flight = new ServerFlight();
            flight.Observe(octets.AsSpan(0, split));
            flight.Observe(octets.AsSpan(split));

            Assert.That((flight.IsOver, flight.IsResumed, flight.GroupName), Is.EqualTo((true, isResumed, group)), $"split at {split}");
        }
    }

    [TestCaseSource(nameof(s_flights))]
    public void Observe_OfSingleOctets_FindsTheSame(string hex, bool isResumed, string? group)
    {
        var flight = new ServerFlight();
        foreach (var octet in Convert.FromHexString(hex))
            flight.Observe([octet]);

        Assert.That((flight.IsOver, flight.IsResumed, flight.GroupName), Is.EqualTo((true, isResumed, group)));
    }

    [TestCaseSource(nameof(s_flights))]
    public void Observe_OfARecordInSmallerRecords_FindsTheSame(string hex, bool isResumed, string? group)
    {
        var octets = Convert.FromHexString(hex);
        var length = (octets[3] << 8) | octets[4];
        var flight = new ServerFlight();
        foreach (var octet in octets.AsSpan(5, length))
            flight.Observe([octets[0], octets[1], octets[2], 0, 1, octet]);
        flight.Observe(octets.AsSpan(5 + length));

        Assert.That((flight.IsOver, flight.IsResumed, flight.GroupName), Is.EqualTo((true, isResumed, group)));
    }

    [TestCase("15030100020228", TestName = "Alert")]
    [TestCase("140303000101", TestName = "ChangeCipherSpecAlone")]
    [TestCase("3232302068656c6c6f0d0a", TestName = "NotTls")]
    [TestCase("16030300040b000000", TestName = "EmptyCertificate")]
    [TestCase("160303000402000000140303000101", TestName = "EmptyServerHelloIsNoReasonToFail")]
    public void Observe_OfSomethingElse_IsOver(string hex)
    {
        var flight = new ServerFlight();
        flight.Observe(Convert.FromHexString(hex));

        Assert.That((flight.IsOver, flight.Group), Is.EqualTo((true, (ushort)0)));
    }

    [Test]
    public void Observe_OfAnyOctets_NeverFails()
    {
        var random = new Random(1);
        var flights = s_flights.Select(data => Convert.FromHexString((string)data.Arguments[0]!)).ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var octets = (byte[])flights[i % flights.Length].Clone();
            for (var changes = random.Next(1, 6); changes > 0; changes--)
                octets[random.Next(Math.Min(octets.Length, 200))] = (byte)random.Next(256);
            var flight = new ServerFlight();

            Assert.That(() => flight.Observe(octets), Throws.Nothing);
        }
    }
}
