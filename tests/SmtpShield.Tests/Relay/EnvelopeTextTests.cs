using System.Text;
using SmtpShield.Relay;

namespace SmtpShield.Tests.Relay;

internal sealed class EnvelopeTextTests
{
    [Test]
    public void Kept_ManyCommandsWithOneAlwaysWaiting_IsRightAndDoesNotAddUp()
    {
        var envelope = new EnvelopeText();
        var waiting = new Queue<(PendingCommand Command, string Text)>();
        for (var i = 0; i < 5000; i++)
        {
            var text = new string((char)('a' + (i % 26)), i % 300);
            var (start, length) = envelope.Keep(Encoding.ASCII.GetBytes(text));
            waiting.Enqueue((new() { ArgumentStart = start, ArgumentLength = length }, text[..length]));
            if (i % 7 == 0)
                continue;

            while (waiting.Count > 1 + (i % 5))
            {
                var (command, expected) = waiting.Dequeue();
                if (!envelope.Kept(command).SequenceEqual(Encoding.ASCII.GetBytes(expected)))
                    Assert.Fail($"Argument {i} is not what was kept.");
                envelope.Forget(command);
            }
        }

        Assert.That(envelope.Capacity, Is.LessThan(32 << 10));
    }
}
