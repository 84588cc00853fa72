namespace SmtpShield.Limits.Shared;

/// <summary>Tells the loop of exchanges that somebody waits for one.</summary>
internal sealed class SharedSignal
{
    private volatile TaskCompletionSource _isSet = New();

    /// <summary>Completes when it is set; at once if it is.</summary>
    public Task Task => _isSet.Task;

    /// <summary>Sets it. What it is about must be there before.</summary>
    public void Set() => _isSet.TrySetResult();

    /// <summary>Takes it back. What it was about must be looked at behind that.</summary>
    public void Reset()
    {
        if (_isSet.Task.IsCompleted)
            _isSet = New();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
