using System.Globalization;
using SmtpShield.State;

namespace SmtpShield.Control.Tuning;

/// <summary>
/// What was set at which revision, the last <see cref="Kept"/>, over restarts: in the file <c>revisions</c> of the state directory. A revision that is not
/// among them is as the one before it: what came into force then was a file's. Numbers go on where the last process has ended.
/// </summary>
/// <remarks>
/// Lines have tabs between their words: <c>last NUMBER</c>, the revision in force; <c>value INDEX</c> and a line as of <see cref="OverrideLine"/>; and
/// <c>revision NUMBER</c> with the indices of what was set, in the order in which it was. With a value for each of the revisions it has 50 kB.
/// </remarks>
internal sealed class RevisionFile
{
    /// <summary>Revisions one can go back to.</summary>
    public const int Kept = 100;

    // Above that a number is none of a shield's.
    private const int MostRevisions = int.MaxValue / 2;

    private const string Last = "last";
    private const string Value = "value";
    private const string Revision = "revision";

    private readonly Queue<(int Revision, OverrideList List)> _revisions = new();
    private readonly Lock _gate = new();
    private readonly StateFile _file;
    private int _last;
    private bool _isLastKnown;

    /// <summary>Nothing was set yet.</summary>
    public RevisionFile(StateDirectory state) => _file = state.Open("revisions", Lines);

    /// <summary>The oldest one can go back to; 0: none.</summary>
    public int Oldest
    {
        get
        {
            lock (_gate)
                return _revisions.TryPeek(out var oldest) ? oldest.Revision : 0;
        }
    }

    /// <summary>Takes what the last process has left. What is not understood may have been any revision's, so those before it are left out.</summary>
    /// <param name="maySet">Whether something may be set at run time; what may not is in no revision.</param>
    /// <returns>The revision that was in force last; 0: none was.</returns>
    public int Load(Func<Override, bool> maySet)
    {
        var values = new Dictionary<int, Override>();
        foreach (var (index, line) in _file.Load().Index())
        {
            if (TryRead(line, values, maySet))
                continue;
            _file.Skip(index + 1);
            _revisions.Clear();
        }

        return _last;
    }

    /// <summary>Something else is set from a revision on. It is to be saved.</summary>
    public void Note(int revision, OverrideList list)
    {
        lock (_gate)
        {
            Add(revision, list);
            // A file may have come into force meanwhile.
            _last = Math.Max(_last, revision);
        }
    }

    /// <summary>A revision has come into force in which the same is set. It is to be saved.</summary>
    public void Note(int revision)
    {
        lock (_gate)
            _last = Math.Max(_last, revision);
    }

    /// <summary>Writes it.</summary>
    /// <returns>False: it could not be written, which a warning says.</returns>
    public bool Save() => _file.Save();

    /// <summary>What was set at a revision.</summary>
    /// <returns>Null: it is not kept, or has never been.</returns>
    public OverrideList? Find(int revision)
    {
        lock (_gate)
            return revision > _last ? null : _revisions.LastOrDefault(kept => kept.Revision <= revision).List;
    }

    private void Add(int revision, OverrideList list)
    {
        if (_revisions.Count == Kept)
            _revisions.Dequeue();
        _revisions.Enqueue((revision, list));
    }

    private List<string> Lines()
    {
        var lines = new List<string>();
        var indices = new Dictionary<Override, int>();
        lock (_gate)
        {
            lines.Add($"{Last}\t{Text(_last)}");
            foreach (var (revision, list) in _revisions)
            {
                foreach (var one in list.All)
                {
                    if (indices.TryAdd(one, indices.Count))
                        lines.Add($"{Value}\t{Text(indices[one])}\t{OverrideLine.Write(one)}");
                }

                lines.Add(string.Join('\t', [Revision, Text(revision), .. list.All.Select(one => Text(indices[one]))]));
            }
        }

        return lines;
    }

    private bool TryRead(string line, Dictionary<int, Override> values, Func<Override, bool> maySet)
    {
        if (line.Split('\t', 3) is not [var word, var text, .. var rest] || Number(text) is not { } number)
            return false;
        switch (word)
        {
            case Last:
                (_last, _isLastKnown) = (number, true);
                return true;
            case Value:
                return rest is [var written] && OverrideLine.Read(written) is { } one && values.TryAdd(number, one);
            case Revision when (number <= _last || !_isLastKnown) && (_revisions.Count == 0 || number > _revisions.Last().Revision):
                // Used, whatever else can be read of it.
                _last = Math.Max(_last, number);
                int?[] indices = [.. (rest is [var words] ? words.Split('\t') : []).Select(Number)];
                if (indices.Length > OverrideList.Capacity || !Array.TrueForAll(indices, index => index is { } known && values.ContainsKey(known)))
                    return false;
                Add(number, new([.. indices.Select(index => values[index!.Value]).Where(maySet)]));
                return true;
            default:
                return false;
        }
    }

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= MostRevisions ? number : null;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
