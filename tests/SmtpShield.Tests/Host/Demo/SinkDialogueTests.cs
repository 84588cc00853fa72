using SmtpShield.Host.Demo;

namespace SmtpShield.Tests.Host.Demo;

internal sealed class SinkDialogueTests
{
    private SinkDialogue _dialogue = null!;

    [SetUp]
    public void Begin() => _dialogue = new("mail.example.com");

    [Test]
    public void Answer_Chunks_AnswersBehindTheLastOctetOfEach()
    {
        Assert.That(_dialogue.Answer("EHLO client.example"), Does.Contain("250-CHUNKING\r\n"));
        _dialogue.Answer("MAIL FROM:<a@client.example>");
        _dialogue.Answer("RCPT TO:<b@example.com>");

        Assert.That((_dialogue.Answer("BDAT 10"), _dialogue.ChunkLeft), Is.EqualTo(("", 10)));
        Assert.That((_dialogue.TakeOfChunk(4), _dialogue.ChunkLeft), Is.EqualTo(("", 6)));
        Assert.That(_dialogue.TakeOfChunk(6), Is.EqualTo("250 2.0.0 Ok\r\n"));
        Assert.That((_dialogue.Answer("BDAT 0 LAST"), _dialogue.ChunkLeft), Is.EqualTo(("250 2.0.0 Ok: thrown away\r\n", 0)));
        Assert.That(_dialogue.Answer("MAIL FROM:<a@client.example>"), Is.EqualTo("250 2.1.0 Ok\r\n"), "the message is over");
    }

    [Test]
    public void Answer_ChunkWithoutRecipients_TakesItsOctetsAndRefuses()
    {
        _dialogue.Answer("MAIL FROM:<a@client.example>");

        Assert.That(_dialogue.Answer("BDAT 3 LAST"), Is.Empty);
        Assert.That(_dialogue.TakeOfChunk(3), Does.StartWith("554 5.5.1 "));
    }
}
