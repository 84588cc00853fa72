namespace SmtpShield.Testing.Ledger;

/// <summary>One mail, as its client knows it.</summary>
/// <param name="id">Its own, in <c>Message-Id</c>.</param>
public sealed class LedgerMail(string id)
{
    /// <summary>Its own, in <c>Message-Id</c>.</summary>
    public string Id => id;

    /// <summary>The queue id its client was told with 250; null: it was told none.</summary>
    public string? AcknowledgedAs { get; internal set; }

    /// <summary>
    /// How often its end was sent, and the client does not know what became of it: the connection was closed, or the reply was 421, or the MTA's that it does
    /// not know itself.
    /// </summary>
    public int Unanswered { get; private set; }

    /// <summary>It was so once more.</summary>
    public void NoteUnanswered() => Unanswered++;
}
