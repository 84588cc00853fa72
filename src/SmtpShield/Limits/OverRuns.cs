using System.Runtime.CompilerServices;

namespace SmtpShield.Limits;

/// <summary>Of the two limits that have refused a client something last: since when. Another one takes the place of the earlier.</summary>
/// <remarks>
/// What a limit refuses is known at each refusal, and when it would let something through again, too: a count only falls while nothing comes, and what comes
/// meanwhile is refused, and noted. So two refusals belong together exactly where the second is before that time.
/// </remarks>
[InlineArray(Kept)]
internal struct OverRuns
{
    private const int Kept = 2;

    private OverRun _first;

    /// <summary>A limit has refused something.</summary>
    /// <param name="run">Since this second, if it did not before.</param>
    public void Note(in OverRun run)
    {
        var its = IndexOf(run.Rule);
        var since = its >= 0 && this[its].IsUnbroken(run.Since) ? this[its].Since : run.Since;
        if (its != 0)
            this[1] = this[0];
        this[0] = run with { Since = since };
    }

    /// <summary>So many connections are open now, fewer than before.</summary>
    public void NoteOpen(int open)
    {
        for (var i = 0; i < Kept; i++)
        {
            if (this[i].Limit.IsOnOpenConnections && open < this[i].End)
                this[i] = default;
        }
    }

    /// <summary>All rates are 0.</summary>
    public void EndRates()
    {
        for (var i = 0; i < Kept; i++)
        {
            if (!this[i].Limit.IsOnOpenConnections)
                this[i] = default;
        }
    }

    /// <summary>Since when a limit that refuses something has done so; null: it has refused nothing yet, or others have later.</summary>
    public readonly int? Since(ClientLimit limit, int second) =>
        IndexOf((byte)ClientLimits.IndexOf(limit)) is >= 0 and var its && this[its].IsUnbroken(second) ? this[its].Since : null;

    /// <summary>Those there are, the one whose limit has refused something last first.</summary>
    public readonly IEnumerable<OverRun> All()
    {
        for (var i = 0; i < Kept; i++)
        {
            if (this[i].End > 0)
                yield return this[i];
        }
    }

    /// <summary>What an earlier process knew, in the order of <see cref="All"/>.</summary>
    public static OverRuns Of(IEnumerable<OverRun> known)
    {
        var runs = new OverRuns();
        foreach (var run in known.Take(Kept).Reverse())
            runs.Note(run);
        return runs;
    }

    /// <summary>Goes on with what has been noted behind these.</summary>
    /// <param name="since">That.</param>
    /// <param name="hasEnded">All rates have been 0 meanwhile.</param>
    public void Continue(OverRuns since, bool hasEnded)
    {
        if (hasEnded)
            EndRates();
        foreach (var run in since.All().Reverse())
            Note(run);
    }

    private readonly int IndexOf(byte rule)
    {
        for (var i = 0; i < Kept; i++)
        {
            if (this[i].Rule == rule && this[i].End > 0)
                return i;
        }

        return -1;
    }
}
