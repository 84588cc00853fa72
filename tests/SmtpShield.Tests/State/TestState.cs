using Microsoft.Extensions.Logging.Testing;
using SmtpShield.Options;
using SmtpShield.State;
using SmtpShield.Testing;

namespace SmtpShield.Tests.State;

/// <summary>A state directory of a test's own, which a shield has and another one may take over.</summary>
internal sealed class TestState : IDisposable
{
    private readonly FakeLogCollector _log = new();

    public FakeTimeProvider Time { get; } = new();

    public string Path { get; } = Directory.CreateTempSubdirectory("smtpshield-state-").FullName;

    public IEnumerable<string> Lines => _log.GetSnapshot().Select(static record => record.Message);

    public StateDirectory Open(string? path = null, GivenState? given = null) =>
        new(new ShieldSnapshot(new ShieldOptions { Control = new() { StateDirectory = path ?? Path } }), Time, new FakeLogger<StateDirectory>(_log), given);

    public string InIt(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
