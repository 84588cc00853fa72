namespace SmtpShield.State;

/// <summary>
/// What a shield gives its successor and is in no file of the state directory: lines of text. As long as both have sessions they go on telling each other what
/// has changed.
/// </summary>
internal interface IHandedOver
{
    /// <summary>What it is: a word that no file of the state directory has as its name.</summary>
    string Name { get; }

    /// <summary>Everything, as it is now.</summary>
    IEnumerable<string> Lines();

    /// <summary>Takes what an earlier process has given, once, before the first client is accepted. What is not understood is left out.</summary>
    void Take(IReadOnlyList<string> lines);

    /// <summary>Remembers from now on what one side is to be told; null: nothing, and what was remembered is forgotten.</summary>
    /// <param name="side">Whom.</param>
    /// <param name="changed">Called when there is something; it does not wait, and may be called with something locked.</param>
    void Follow(HandOverSide side, Action? changed);

    /// <summary>
    /// What that side is to be told now, a line each; it is said once. What has come together is one line: there are no more of them than what is followed.
    /// </summary>
    IEnumerable<string> News(HandOverSide side);

    /// <summary>The other process has said that something has changed.</summary>
    void Hear(HandOverSide side, string line);

    /// <summary>It has ended.</summary>
    void HearEnd(HandOverSide side);
}
