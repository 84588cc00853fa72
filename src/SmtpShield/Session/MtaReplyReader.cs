using System.Buffers;
using SmtpShield.Protocol;

namespace SmtpShield.Session;

/// <summary>Reads the MTA's replies off its leg, and knows when none will follow.</summary>
internal struct MtaReplyReader
{
    private ReplyReader _reader;

    /// <summary>Reads the next reply, and leaves it on the leg.</summary>
    /// <param name="mta">The MTA's leg.</param>
    /// <param name="reply">The reply, with <see cref="MtaReplyStatus.Complete"/>.</param>
    public MtaReplyStatus TryRead(MtaLeg mta, out ReplyFrame reply)
    {
        reply = default;
        if (mta.Received.IsEmpty && !mta.IsReceiveEnded)
            return MtaReplyStatus.Awaited;

        switch (_reader.TryRead(mta.Received, out reply))
        {
            case ReplyStatus.Complete:
                return MtaReplyStatus.Complete;
            case ReplyStatus.Malformed:
                return MtaReplyStatus.Malformed;
            case ReplyStatus.NeedMore when !mta.IsReceiveEnded:
                return MtaReplyStatus.Awaited;
            default:
                // What follows, if anything does, is another MTA's.
                _reader = default;
                return MtaReplyStatus.Lost;
        }
    }

    /// <summary>A reply as the client gets it, to be kept when it has left the leg.</summary>
    public static Reply Keep(in ReplyFrame reply)
    {
        var octets = new ArrayBufferWriter<byte>((int)reply.Octets.Length);
        ReplyReader.CopyTo(reply, octets);
        return new(reply.Code, octets.WrittenMemory);
    }
}
