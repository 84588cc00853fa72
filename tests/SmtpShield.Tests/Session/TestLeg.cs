using System.Buffers;
using System.IO.Pipelines;
using SmtpShield.Session;

namespace SmtpShield.Tests.Session;

/// <summary>A leg with nothing but what all legs have; anything may be written to it.</summary>
internal sealed class TestLeg : Leg
{
    public TestLeg(IDuplexPipe transport, SessionSignal signal)
        : base(signal) => Attach(transport);

    public new IBufferWriter<byte> Output => base.Output;

    public void Write(ReadOnlySpan<byte> octets) => WriteOctets(octets);

    public void Write(in ReadOnlySequence<byte> octets) => WriteOctets(octets);

    public new void NoteWritten() => base.NoteWritten();

    public new void Abandon() => base.Abandon();

    public new void StopReceiving() => base.StopReceiving();
}
