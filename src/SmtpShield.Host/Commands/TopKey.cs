namespace SmtpShield.Host.Commands;

/// <summary>What a key of <c>top</c> on a terminal asks for.</summary>
internal enum TopKey
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The same list, drawn anew.</summary>
    Draw,

    /// <summary>The list in another order.</summary>
    Sort,

    /// <summary>How the chosen client stands.</summary>
    Explain,

    /// <summary>To let the chosen client in.</summary>
    Release,

    /// <summary>The end.</summary>
    Quit,
}
