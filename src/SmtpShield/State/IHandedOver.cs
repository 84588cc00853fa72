namespace SmtpShield.State;

/// <summary>What a shield gives its successor and is in no file of the state directory: lines of text.</summary>
internal interface IHandedOver
{
    /// <summary>What it is: a word that no file of the state directory has as its name.</summary>
    string Name { get; }

    /// <summary>Everything, as it is now.</summary>
    IEnumerable<string> Lines();

    /// <summary>Takes what an earlier process has given, once, before the first client is accepted. What is not understood is left out.</summary>
    void Take(IReadOnlyList<string> lines);

    /// <summary>Says from now on what changes, a line each; null: nothing any more. What is called must not wait.</summary>
    void Follow(Action<string>? say);

    /// <summary>An earlier process has said that something has changed.</summary>
    void Hear(string line);

    /// <summary>It has ended.</summary>
    void HearEnd();
}
