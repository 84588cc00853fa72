using System.Runtime.CompilerServices;
using System.Text;

namespace SmtpShield.Limits;

/// <summary>
/// The replies by which the MTA has last refused clients something, of the clients that got one last: first lines, cut, what is not printable ASCII as
/// <c>?</c>. Not thread-safe.
/// </summary>
/// <param name="table">Whose they are.</param>
/// <param name="count">How many are kept.</param>
internal sealed class RefusingReplies(PastTable table, int count)
{
    /// <summary>Octets of one that are kept.</summary>
    public const int Longest = 96;

    private Reply[] _replies = [];
    private int _newest;

    /// <summary>Keeps a client's. One that has none takes the place of the client that got its the longest ago.</summary>
    /// <param name="index">Which client, in the table.</param>
    /// <param name="line">The reply.</param>
    public void Set(int index, ReadOnlySpan<byte> line)
    {
        ref var past = ref table.At(index);
        if (past.Reply == 0)
            past.Reply = Take(index);
        _replies[past.Reply - 1].Set(line);
    }

    /// <summary>A client's; null: none is kept.</summary>
    public string? Of(int index) => table.At(index).Reply is > 0 and var its ? _replies[its - 1].ToString() : null;

    /// <summary>A client is forgotten.</summary>
    public void Leave(int index)
    {
        if (table.At(index).Reply is > 0 and var its)
            _replies[its - 1].Owner = 0;
    }

    private ushort Take(int index)
    {
        if (_replies.Length == 0)
            _replies = new Reply[count];
        ref var reply = ref _replies[_newest];
        if (reply.Owner != 0)
            table.At(reply.Owner).Reply = 0;
        reply.Owner = index;
        var place = (ushort)(_newest + 1);
        _newest = place % count;
        return place;
    }

    private struct Reply
    {
        public int Owner;
        private byte _length;
        private Text _text;

        public void Set(ReadOnlySpan<byte> line)
        {
            _length = (byte)Math.Min(line.Length, Longest);
            for (var i = 0; i < _length; i++)
                _text[i] = line[i] is >= (byte)' ' and <= (byte)'~' ? line[i] : (byte)'?';
        }

        public override readonly string ToString() => Encoding.ASCII.GetString(((ReadOnlySpan<byte>)_text)[.._length]);
    }

    [InlineArray(Longest)]
    private struct Text
    {
        private byte _first;
    }
}
