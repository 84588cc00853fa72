namespace SmtpShield.Testing.Dialogues;

/// <summary>What a step of a dialogue does.</summary>
public enum DialogueStepKind
{
    /// <summary>Connects.</summary>
    Open,

    /// <summary>Sends octets in one write.</summary>
    Send,

    /// <summary>Reads one reply.</summary>
    Read,

    /// <summary>Waits for the server to close.</summary>
    ExpectClose,

    /// <summary>Lets some seconds pass.</summary>
    Pause,

    /// <summary>Says that the client sends nothing more.</summary>
    HalfClose,

    /// <summary>Makes the TLS handshake.</summary>
    StartTls,

    /// <summary>Ends TLS, and not the connection.</summary>
    EndTls,

    /// <summary>Closes without a word.</summary>
    Close,

    /// <summary>Closes with RST.</summary>
    Reset,
}
