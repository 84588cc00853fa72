namespace SmtpShield.Limits;

/// <summary>A <see cref="ClientEvent"/> as a history keeps it, in 12 octets.</summary>
internal readonly struct NotedEvent
{
    /// <summary>Counts and limits are kept up to this; larger ones are this one.</summary>
    public const int Most = (1 << CountBits) - 1;

    private const int CountBits = 23;
    private const int CodeBits = 10;
    private const int DetailBits = 5;

    private readonly int _second;
    private readonly uint _what;
    private readonly uint _more;

    /// <summary>Packs it: 23 bits for the count and for the limit each, 10 for the code, 5 for the detail, 3 for the kind.</summary>
    public NotedEvent(in ClientEvent noted)
    {
        _second = noted.Second;
        var rest = (((uint)noted.Kind << DetailBits) | noted.Detail) << CodeBits | noted.Code;
        var packed = ((ulong)rest << (2 * CountBits)) | ((ulong)Kept(noted.Count) << CountBits) | Kept(noted.Limit);
        (_what, _more) = ((uint)(packed >> 32), (uint)packed);
    }

    /// <summary>What was packed.</summary>
    public ClientEvent Unpacked
    {
        get
        {
            var packed = ((ulong)_what << 32) | _more;
            var rest = (uint)(packed >> (2 * CountBits));
            return new(
                _second, (ClientEventKind)(rest >> (CodeBits + DetailBits)), (byte)(rest >> CodeBits & ((1 << DetailBits) - 1)),
                (ushort)(rest & ((1 << CodeBits) - 1)), (int)(packed >> CountBits & Most), (int)(packed & Most));
        }
    }

    private static uint Kept(int count) => (uint)Math.Clamp(count, 0, Most);
}
