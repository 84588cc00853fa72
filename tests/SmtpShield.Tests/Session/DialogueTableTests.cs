using SmtpShield.Session;
using static SmtpShield.Session.DialogueEvent;
using static SmtpShield.Session.DialoguePhase;

namespace SmtpShield.Tests.Session;

public class DialogueTableTests
{
    private static readonly Dictionary<(DialoguePhase, DialogueEvent), DialoguePhase> s_allowed = new()
    {
        [(Commands, ContentAsked)] = Content,
        [(Commands, ChunkAnnounced)] = Chunk,
        [(Commands, Challenged)] = SaslResponse,
        [(Commands, Answered)] = Commands,
        [(Commands, TlsPassedOn)] = DialoguePhase.Tunnel,
        [(Content, ContentEnded)] = Commands,
        [(Content, ContentAmbiguous)] = RefusedContent,
        [(Chunk, ChunkEnded)] = Commands,
        [(Chunk, Answered)] = Chunk,
        [(SaslResponse, Responded)] = Commands,
        [(SaslResponse, Answered)] = Commands,
    };

    [Test]
    public void Follow_EachPhaseAndEvent_IsWhatTheTableSaysOrAFault([Range(0, 5)] int phase, [Range(0, 8)] int what)
    {
        var (from, happened) = ((DialoguePhase)phase, (DialogueEvent)what);
        if (s_allowed.TryGetValue((from, happened), out var to))
            Assert.That(DialogueTable.Follow(from, happened), Is.EqualTo(to));
        else
            Assert.That(() => DialogueTable.Follow(from, happened),
                Throws.InvalidOperationException.With.Message.EqualTo($"{happened} can't happen in the phase {from}."));
    }
}
