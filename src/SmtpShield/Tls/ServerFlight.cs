using System.Buffers.Binary;
using System.Globalization;

namespace SmtpShield.Tls;

/// <summary>
/// Reads what a server sends in the clear during a handshake, in pieces of any size, for two facts .NET knows and does not tell: whether an earlier session is
/// resumed, and in which group keys are exchanged (TLS 1.3 only, as in Postfix's log). Anything it does not understand leaves both unknown; it never fails.
/// </summary>
/// <remarks>TLS 1.3: RFC 8446 sections 4.1.3, 4.1.4, 4.2.8, 4.2.11. TLS 1.2: RFC 5246 section 7.3.</remarks>
internal sealed class ServerFlight
{
    private const int RecordHeaderLength = 5;
    private const int MessageHeaderLength = 4;

    // A ServerHello with the share of the largest group known has less than 2 KiB.
    private const int MostKept = 4096;

    private const byte ChangeCipherSpec = 20;
    private const byte Handshake = 22;
    private const byte ServerHello = 2;
    private const byte Certificate = 11;
    private const ushort PreSharedKey = 41;
    private const ushort SupportedVersions = 43;
    private const ushort KeyShare = 51;
    private const ushort Tls13 = 0x0304;

    // SHA-256 of "HelloRetryRequest": RFC 8446 section 4.1.3.
    private static ReadOnlySpan<byte> RetryRandom =>
    [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
        0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ];

    private readonly byte[] _recordHeader = new byte[RecordHeaderLength];
    private readonly byte[] _messageHeader = new byte[MessageHeaderLength];
    private int _recordHeaderLength;
    private int _messageHeaderLength;
    private int _recordLeft;
    private int _messageLeft;
    private byte[]? _message;
    private int _messageLength;
    private bool _hasHello;
    private bool _isRetried;
    private bool _isSkipping;

    /// <summary>Both facts are known, or never will be.</summary>
    public bool IsOver { get; private set; }

    /// <summary>The server has answered a ClientHello with more than the wish for another one: its key has been used, unless a session is resumed.</summary>
    public bool HasAnswered => _hasHello && !_isRetried;

    /// <summary>Whether an earlier session is resumed.</summary>
    public bool IsResumed { get; private set; }

    /// <summary>The group of the key exchange (IANA "TLS Supported Groups"); 0: none was seen, as with TLS 1.2.</summary>
    public ushort Group { get; private set; }

    /// <summary>The name of the group as Postfix logs it, as in <c>X25519</c> or <c>ECDHE (prime256v1)</c>; null for none.</summary>
    public string? GroupName => Group switch
    {
        0 => null,
        0x0017 => "ECDHE (prime256v1)",
        0x0018 => "ECDHE (secp384r1)",
        0x0019 => "ECDHE (secp521r1)",
        0x001D => "X25519",
        0x001E => "X448",
        0x0100 => "DHE (2048 bits)",
        0x0101 => "DHE (3072 bits)",
        0x0102 => "DHE (4096 bits)",
        0x0103 => "DHE (6144 bits)",
        0x0104 => "DHE (8192 bits)",
        0x11EB => "SecP256r1MLKEM768",
        0x11EC => "X25519MLKEM768",
        0x11ED => "SecP384r1MLKEM1024",
        _ => string.Create(CultureInfo.InvariantCulture, $"group {Group}"),
    };

    /// <summary>Takes the next octets the server has sent.</summary>
    public void Observe(ReadOnlySpan<byte> octets)
    {
        while (!octets.IsEmpty && !IsOver)
        {
            if (_recordLeft == 0)
            {
                if (Fill(_recordHeader, ref _recordHeaderLength, ref octets))
                    BeginRecord();
                continue;
            }

            var part = octets[..Math.Min(_recordLeft, octets.Length)];
            octets = octets[part.Length..];
            _recordLeft -= part.Length;
            ReadMessages(part);
        }
    }

    private static bool Fill(byte[] header, ref int length, ref ReadOnlySpan<byte> octets)
    {
        var taken = Math.Min(header.Length - length, octets.Length);
        octets[..taken].CopyTo(header.AsSpan(length));
        octets = octets[taken..];
        length += taken;
        if (length < header.Length)
            return false;

        length = 0;
        return true;
    }

    private void BeginRecord()
    {
        _recordLeft = BinaryPrimitives.ReadUInt16BigEndian(_recordHeader.AsSpan(3));
        if (_recordHeader[0] == Handshake)
            return;

        // TLS 1.3 sends one for old middleboxes, behind a ServerHello that has told everything, or behind a HelloRetryRequest: then another ServerHello
        // follows.
        if (_recordHeader[0] == ChangeCipherSpec && _isRetried)
        {
            _isSkipping = true;
            return;
        }

        // TLS 1.2: ciphertext begins, and there was no certificate.
        IsResumed = _recordHeader[0] == ChangeCipherSpec && _hasHello;
        IsOver = true;
    }

    private void ReadMessages(ReadOnlySpan<byte> octets)
    {
        if (_isSkipping)
        {
            _isSkipping = _recordLeft > 0;
            return;
        }

        while (!octets.IsEmpty && !IsOver)
        {
            if (_message is null)
            {
                if (Fill(_messageHeader, ref _messageHeaderLength, ref octets))
                    BeginMessage();
                continue;
            }

            var part = octets[..Math.Min(_messageLeft, octets.Length)];
            octets = octets[part.Length..];
            _messageLeft -= part.Length;
            var kept = Math.Min(part.Length, _message.Length - _messageLength);
            part[..kept].CopyTo(_message.AsSpan(_messageLength));
            _messageLength += kept;
            if (_messageLeft == 0)
                EndMessage();
        }
    }

    private void BeginMessage()
    {
        _messageLeft = (_messageHeader[1] << 16) | BinaryPrimitives.ReadUInt16BigEndian(_messageHeader.AsSpan(2));
        _messageLength = 0;
        _message = _messageHeader[0] == ServerHello ? new byte[Math.Min(_messageLeft, MostKept)] : [];
        if (_messageLeft == 0)
            EndMessage();
    }

    private void EndMessage()
    {
        var message = new Octets(_message);
        _message = null;
        if (_messageHeader[0] == ServerHello)
            ReadHello(message);
        else if (_messageHeader[0] == Certificate)
            IsOver = true;
    }

    private void ReadHello(Octets message)
    {
        _hasHello = true;
        message.Take(2);
        var isRetry = message.Take(RetryRandom.Length).SequenceEqual(RetryRandom);
        message.Take(message.Take(1) is [var sessionId] ? sessionId : 0);
        message.Take(3);
        message.Take(2);
        var isTls13 = false;
        var isResumed = false;
        ushort group = 0;
        while (message.TakeNumber() is { } type && message.TakeNumber() is { } length)
        {
            var extension = new Octets(message.Take(length));
            switch (type)
            {
                case SupportedVersions:
                    isTls13 = extension.TakeNumber() == Tls13;
                    break;
                case PreSharedKey:
                    isResumed = true;
                    break;
                case KeyShare:
                    group = extension.TakeNumber() ?? 0;
                    break;
            }
        }

        _isRetried = isTls13 && isRetry;
        if (!isTls13 || isRetry)
            return;

        IsResumed = isResumed;
        Group = group;
        IsOver = true;
    }

    // Octets taken from the front; of those that are missing, none are.
    private ref struct Octets(ReadOnlySpan<byte> octets)
    {
        private ReadOnlySpan<byte> _rest = octets;

        public ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
            {
                _rest = [];
                return [];
            }

            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }

        public ushort? TakeNumber() => Take(2) is { Length: 2 } number ? BinaryPrimitives.ReadUInt16BigEndian(number) : null;
    }
}
