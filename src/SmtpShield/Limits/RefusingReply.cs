using System.Runtime.CompilerServices;
using System.Text;

namespace SmtpShield.Limits;

/// <summary>The reply by which the MTA has last refused a client something: its first line, cut, what is not printable ASCII as <c>?</c>.</summary>
internal sealed class RefusingReply
{
    /// <summary>Octets that are kept.</summary>
    public const int Longest = 96;

    private Text _text;
    private int _length;
    private ClientPast? _owner;

    /// <summary>Takes it from its client and gives it to another one.</summary>
    public void GiveTo(ClientPast past)
    {
        if (_owner is not null)
            _owner.Reply = null;
        (_owner, past.Reply, _length) = (past, this, 0);
    }

    /// <summary>Its client does not have it any more.</summary>
    public void Leave() => _owner = null;

    /// <summary>Keeps a reply.</summary>
    public void Set(ReadOnlySpan<byte> line)
    {
        _length = Math.Min(line.Length, Longest);
        for (var i = 0; i < _length; i++)
            _text[i] = line[i] is >= (byte)' ' and <= (byte)'~' ? line[i] : (byte)'?';
    }

    /// <summary>The text.</summary>
    public override string ToString() => Encoding.ASCII.GetString(((ReadOnlySpan<byte>)_text)[.._length]);

    [InlineArray(Longest)]
    private struct Text
    {
        private byte _first;
    }
}
