using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Tests.Listening;

/// <summary>The process limit of a service, which no listener asks.</summary>
internal sealed class TestProcessLimit : IDisposable
{
    private readonly SessionCapacity _capacity;

    public TestProcessLimit(ShieldSnapshot snapshot)
    {
        _capacity = TestCapacity.Of(snapshot, connections: 8000);
        Limit = new(new("smtp", snapshot), _capacity, TimeProvider.System, NullLogger<ProcessLimit>.Instance);
    }

    public ProcessLimit Limit { get; }

    /// <summary>Takes a slot; the last one there is begins stress.</summary>
    public ValueTask<ProcessSlot> TakeAsync(CancellationToken cancellationToken) => Limit.TakeAsync(new IPEndPoint(IPAddress.Any, 25), cancellationToken);

    public void Dispose()
    {
        Limit.Dispose();
        _capacity.Dispose();
    }
}
