using static SmtpShield.Session.DialogueEvent;
using static SmtpShield.Session.DialoguePhase;

namespace SmtpShield.Session;

/// <summary>
/// The phases of a dialogue: which follows from what. What is not in the table can't happen; if it does, it is a fault of the shield, and the session ends.
/// </summary>
internal static class DialogueTable
{
    private static readonly (DialoguePhase From, DialogueEvent What, DialoguePhase To)[] Rows =
    [
        (Commands, ContentAsked, Content),
        (Commands, ChunkAnnounced, Chunk),
        (Commands, Challenged, SaslResponse),
        (Commands, Answered, Commands),
        (Commands, TlsPassedOn, DialoguePhase.Tunnel),
        (Content, ContentEnded, Commands),
        (Content, ContentAmbiguous, RefusedContent),
        (Chunk, ChunkEnded, Commands),
        (Chunk, Answered, Chunk),           // a command before BDAT
        (SaslResponse, Responded, Commands),
        (SaslResponse, Answered, Commands), // the exchange is over, though a response was asked for
    ];

    private static readonly DialoguePhase?[,] Next = Build();

    /// <summary>The phase that follows.</summary>
    /// <exception cref="InvalidOperationException">Nothing follows: it can't happen in this phase.</exception>
    public static DialoguePhase Follow(DialoguePhase phase, DialogueEvent what) =>
        Next[(int)phase, (int)what] ?? throw new InvalidOperationException($"{what} can't happen in the phase {phase}.");

    private static DialoguePhase?[,] Build()
    {
        var next = new DialoguePhase?[Enum.GetValues<DialoguePhase>().Length, Enum.GetValues<DialogueEvent>().Length];
        foreach (var (from, what, to) in Rows)
            next[(int)from, (int)what] = to;
        return next;
    }
}
