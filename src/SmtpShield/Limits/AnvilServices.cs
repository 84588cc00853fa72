namespace SmtpShield.Limits;

/// <summary>Numbers for the names of services, so that a record needs one octet for its own.</summary>
internal sealed class AnvilServices
{
    private readonly Lock _gate = new();
    private volatile string[] _names = [];

    /// <summary>The number of a service; the same name has always the same.</summary>
    /// <exception cref="OverflowException">There are more than 256 services.</exception>
    public byte NumberOf(string name)
    {
        var number = Array.IndexOf(_names, name);
        return number >= 0 ? (byte)number : Add(name);
    }

    /// <summary>The name behind a number.</summary>
    public string NameOf(byte number) => _names[number];

    private byte Add(string name)
    {
        lock (_gate)
        {
            var number = Array.IndexOf(_names, name);
            if (number >= 0)
                return (byte)number;

            number = checked((byte)_names.Length);
            _names = [.. _names, name];
            return (byte)number;
        }
    }
}
