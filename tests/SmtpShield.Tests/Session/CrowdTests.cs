namespace SmtpShield.Tests.Session;

/// <summary>
/// Eighty sessions have all that unknown clients may have of the MTA's (<c>shield_upstream_session_limit</c> without <c>shield_upstream_reserve</c>), and
/// another client comes.
/// </summary>
[CancelAfter(60_000)]
public class CrowdTests
{
    private const int Sessions = 80;
    private const string Timeout = "421 4.4.2 mx Error: timeout exceeded\r\n";
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(12);

    [Test, Property("Pool", "FAIR-8")]
    public async Task Silent_InTransactions_OneIsEndedForTheNextClient(CancellationToken cancellationToken)
    {
        await using var crowd = new Crowd(new() { MyHostname = "mx" });
        var silent = Enumerable.Range(0, Sessions).Select(_ => WithRecipient(crowd)).ToList();
        var next = crowd.Enter();
        await crowd.PassUntilAsync(() => next.Told.Length > 0, s_soon, cancellationToken);
        Assert.That(next.Told, Is.EqualTo("220 mx ESMTP\r\n"));

        await crowd.PassUntilAsync(static () => false, s_soon, cancellationToken);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(silent.Count(static member => member.HasEnded), Is.EqualTo(1));
            Assert.That(silent.Count(static member => member.Told.EndsWith(Timeout, StringComparison.Ordinal)), Is.EqualTo(1));
            Assert.That(silent.Single(static member => member.HasEnded).Sent, Does.EndWith("RCPT TO:<b@x>\r\nQUIT\r\n"));
        }
    }

    [Test, Property("Pool", "FAIR-9")]
    public async Task SlowContent_AboveTheLeastRate_OneIsCutWithoutAnEndForTheNextClient(CancellationToken cancellationToken)
    {
        await using var crowd = new Crowd(new() { MyHostname = "mx", MinDataRate = 500 });
        var slow = Enumerable.Range(0, Sessions).Select(_ => WithRecipient(crowd).Say("DATA\r\n", "354 go\r\n")).ToList();
        var next = crowd.Enter();
        var octets = new string('x', 60);
        await crowd.PassUntilAsync(() => next.Told.Length > 0, s_soon, cancellationToken, () => slow.ForEach(member => member.Send(octets)));

        Assert.That(next.Told, Is.EqualTo("220 mx ESMTP\r\n"));
        var cut = slow.Where(static member => member.HasEnded).ToList();
        Assert.That(cut, Has.Count.EqualTo(1));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(cut[0].Told, Does.EndWith("354 go\r\n" + Timeout));
            Assert.That(cut[0].Sent, Does.Match(@"\r\nDATA\r\nx+\z"));
            Assert.That(cut[0].IsMtaLeft, Is.True);
        }
    }

    [Test, Property("Pool", "FAIR-10")]
    public async Task EndOfMailData_IsTheMtasTurn_NobodyIsEndedAndTheNextClientIsToldToComeAgain(CancellationToken cancellationToken)
    {
        await using var crowd = new Crowd(new() { MyHostname = "mx" });
        var waiting = Enumerable.Range(0, Sessions).Select(_ => WithRecipient(crowd).Say("DATA\r\n", "354 go\r\n").Say("x\r\n.\r\n", "")).ToList();
        var next = crowd.Enter(isLate: true);
        next.Send("EHLO c.example\r\n");
        next.Send("MAIL FROM:<a@x>\r\n");
        await crowd.PassUntilAsync(static () => false, TimeSpan.FromSeconds(29.9), cancellationToken);
        Assert.That(next.Told, Does.EndWith("ENHANCEDSTATUSCODES\r\n"));
        await crowd.PassUntilAsync(static () => false, TimeSpan.FromSeconds(0.1), cancellationToken);
        await Crowd.UntilAsync(() => next.Told.EndsWith("451 4.3.2 mx Error: mail server busy\r\n", StringComparison.Ordinal), cancellationToken);

        Assert.That(waiting.Count(static member => member.HasEnded), Is.Zero);
    }

    private static Crowd.Member WithRecipient(Crowd crowd) => crowd.Enter()
        .Say("EHLO c.example\r\n", "250-mx\r\n250 ENHANCEDSTATUSCODES\r\n")
        .Say("MAIL FROM:<a@x>\r\n", "250 2.1.0 Ok\r\n")
        .Say("RCPT TO:<b@x>\r\n", "250 2.1.5 Ok\r\n");
}
