using System.Text.Json.Serialization;

namespace SmtpShield.Control.Changes;

/// <summary>Something an operator changed, or wanted to.</summary>
/// <param name="Number">Its number, from 1 on, over restarts.</param>
/// <param name="At">When.</param>
/// <param name="By">Who: <c>uid 1000 (alice)</c>; <c>time</c>: it ended by itself.</param>
/// <param name="Action">What was done: <c>release</c>, <c>allow</c>, <c>drain</c>.</param>
/// <param name="Target">To whom.</param>
internal sealed record Change(long Number, DateTimeOffset At, string By, string Action, string Target)
{
    /// <summary>The one service it was about; null: it was about the shield, or holds for every service.</summary>
    public string? Service { get; init; }

    /// <summary>What it was before.</summary>
    public string? Before { get; init; }

    /// <summary>What it is now.</summary>
    public string? After { get; init; }

    /// <summary>The same for the log, which has nothing else of it; null: as above.</summary>
    [JsonIgnore]
    public string? Logged { get; init; }

    /// <summary>When it ends by itself.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Why, escaped to printable ASCII.</summary>
    public string? Why { get; init; }

    /// <summary>Why nothing was changed.</summary>
    public string? Refused { get; init; }
}
