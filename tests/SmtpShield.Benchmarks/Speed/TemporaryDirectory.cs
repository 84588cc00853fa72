namespace SmtpShield.Benchmarks.Speed;

/// <summary>A directory that goes with its owner.</summary>
/// <param name="prefix">How its name begins.</param>
internal sealed class TemporaryDirectory(string prefix) : IAsyncDisposable
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory(prefix).FullName;

    /// <summary>Removes it.</summary>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(Path, recursive: true);
        return ValueTask.CompletedTask;
    }
}
