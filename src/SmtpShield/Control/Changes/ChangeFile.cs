using System.Text.Json;
using SmtpShield.State;

namespace SmtpShield.Control.Changes;

/// <summary>
/// Keeps what was changed over a restart: in the file <c>changes</c> of the state directory, a line each, which is the JSON that <c>/v1/changes</c> has of it.
/// </summary>
/// <param name="state">The directory.</param>
/// <param name="changes">All that are kept.</param>
internal sealed class ChangeFile(StateDirectory state, Func<IReadOnlyList<Change>> changes)
{
    private readonly StateFile _file = state.Open("changes", () => changes().Select(Write));

    /// <summary>What the last process has left, the oldest first; numbers grow.</summary>
    public IEnumerable<Change> Load()
    {
        var last = 0L;
        foreach (var (index, line) in _file.Load().Index())
        {
            if (Read(line) is { } change && change.Number > last)
            {
                last = change.Number;
                yield return change;
            }
            else
            {
                _file.Skip(index + 1);
            }
        }
    }

    /// <summary>There is another one: it is written in the background.</summary>
    public void NoteChange() => _file.NoteChange();

    /// <summary>Writes them. When it returns the disk has them, or a warning has said why not.</summary>
    public void Save() => _file.Save();

    /// <summary>A change as a line.</summary>
    public static string Write(Change change) => JsonSerializer.Serialize(change, ControlJson.Default.Change);

    /// <summary>Reads a line.</summary>
    /// <returns>Null: it is none.</returns>
    public static Change? Read(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ControlJson.Default.Change);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
