namespace SmtpShield.Session;

/// <summary>
/// The right to send the MTA something of the client's. Only <see cref="CommandGate"/> makes one (a rule of the build, see BannedSymbols.txt), after it has
/// judged what is to be sent; the default is none.
/// </summary>
internal readonly ref struct Permit
{
    private readonly bool _isGranted;

    /// <summary>Grants it.</summary>
    /// <param name="isCounted">The command was counted for the client already.</param>
    public Permit(bool isCounted) => (_isGranted, IsCounted) = (true, isCounted);

    /// <summary>The command was counted for the client already, and is not counted again when the MTA accepts it.</summary>
    public bool IsCounted { get; }

    /// <summary>Makes sure that it was granted.</summary>
    /// <exception cref="InvalidOperationException">It was not: a fault of the shield.</exception>
    public void Demand()
    {
        if (!_isGranted)
            throw new InvalidOperationException("Nothing goes to the MTA that the gate has not let through.");
    }
}
