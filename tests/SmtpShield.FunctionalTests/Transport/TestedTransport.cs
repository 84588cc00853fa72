using SmtpShield.Transport;
using SmtpShield.Transport.Epoll;

namespace SmtpShield.FunctionalTests.Transport;

/// <summary>The transport a fixture runs with; all that are promised the same run with each.</summary>
internal sealed class TestedTransport(string name) : IDisposable
{
    private ITransport? _value;

    /// <summary>Those of this system.</summary>
    public static IEnumerable<string> Names => OperatingSystem.IsLinux() ? ["sockets", "epoll"] : ["sockets"];

    /// <summary>The transport.</summary>
    public ITransport Value => _value ??= Make();

    /// <inheritdoc />
    public void Dispose() => (_value as IDisposable)?.Dispose();

    private ITransport Make()
    {
        if (name == "sockets" || !OperatingSystem.IsLinux())
            return new SocketsTransport();

        var transport = EpollTransport.TryCreate(out var obstacle);
        Assert.That(obstacle, Is.Empty);
        return transport!;
    }
}
