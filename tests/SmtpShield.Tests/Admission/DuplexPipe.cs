using System.IO.Pipelines;

namespace SmtpShield.Tests.Admission;

/// <summary>Two ends of a connection that exists only in memory.</summary>
internal sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe
{
    /// <summary>Makes a connection: what one end writes the other one reads.</summary>
    public static (IDuplexPipe Transport, IDuplexPipe Application) CreateConnectionPair(PipeOptions toTransport, PipeOptions toApplication)
    {
        var received = new Pipe(toTransport);
        var sent = new Pipe(toApplication);
        return (new DuplexPipe(received.Reader, sent.Writer), new DuplexPipe(sent.Reader, received.Writer));
    }
}
