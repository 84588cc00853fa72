namespace SmtpShield.Limits;

/// <summary>Counts one client's events at one service. Exempt clients have none.</summary>
internal sealed class ClientCounter(AnvilTable anvil, AnvilKey key)
{
    /// <summary>The service's name, as in <c>for service smtp</c>.</summary>
    public string Service => key.Service;

    /// <summary>Counts an event.</summary>
    /// <returns>The client's events of this kind in the current window, this one included.</returns>
    public int Count(AnvilEvent kind) => anvil.Count(key, kind);

    /// <summary>The client's events of a kind in the current window; counts nothing.</summary>
    public int Peek(AnvilEvent kind) => anvil.Peek(key, kind);
}
