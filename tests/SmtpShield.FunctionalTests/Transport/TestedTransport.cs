using SmtpShield.Testing;
using SmtpShield.Transport;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.FunctionalTests.Transport;

/// <summary>The transport a fixture runs with, over <see cref="CheckedBuffers"/>; all that are promised the same run with each.</summary>
internal sealed class TestedTransport(string name) : IDisposable
{
    private ITransport? _value;

    /// <summary>Those of this system.</summary>
    public static IEnumerable<string> Names => OperatingSystem.IsLinux() ? ["sockets", "epoll"] : ["sockets"];

    /// <summary>What its connections take their buffers from.</summary>
    public CheckedBuffers Buffers { get; } = new();

    /// <summary>The transport.</summary>
    public ITransport Value => _value ??= Make();

    /// <summary>Ends it, and throws if a buffer of it had two users.</summary>
    public void Dispose()
    {
        (_value as IDisposable)?.Dispose();
        Assert.That(Buffers.Problems, Is.Empty);
    }

    private ITransport Make()
    {
        if (name == "sockets" || !OperatingSystem.IsLinux())
            return new SocketsTransport(Buffers);

        var transport = EpollTransport.TryCreate(Buffers, out var obstacle);
        Assert.That(obstacle, Is.Empty);
        return transport!;
    }
}
