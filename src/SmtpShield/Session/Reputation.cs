namespace SmtpShield.Session;

/// <summary>
/// Tells the pool what the MTA makes of a client: mail that is accepted in quiet times buys service in bad ones. Exempt clients need none.
/// </summary>
/// <param name="mtas">Who keeps it.</param>
internal sealed class Reputation(IMtaDialer mtas)
{
    private int _accepted;
    private int _refused;
    private bool _hasMessage;

    /// <summary>The MTA has answered a command that only it can decide.</summary>
    public void NoteReply(bool isAccepted)
    {
        if (isAccepted)
            _accepted++;
        else
            _refused++;
        if (_hasMessage)
            Tell();
    }

    /// <summary>The MTA has accepted a message.</summary>
    public void NoteMessage()
    {
        _hasMessage = true;
        mtas.NoteMessage(_accepted, _refused);
        (_accepted, _refused) = (0, 0);
    }

    /// <summary>The session had to be ended for others' sake, or the client made too many errors.</summary>
    public void NoteBad() => mtas.NoteBad();

    private void Tell()
    {
        mtas.NoteCommands(_accepted, _refused);
        (_accepted, _refused) = (0, 0);
    }
}
