using SmtpShield.Admission;
using SmtpShield.Listening;

namespace SmtpShield.Session;

/// <summary>
/// The sessions of all services, and which of them go first when memory runs out: those that hold most, in steps of <see cref="Step"/>; of those that
/// hold as much the ones without a transaction, then those of the client with most sessions, then those that have not got on for longest. Inside content
/// only when nothing else is left.
/// </summary>
internal sealed class OpenSessions : IOpenSessions
{
    /// <summary>Octets below which what sessions hold is the same. One that holds less than this is no reason for memory being short.</summary>
    public const int Step = 16 << 10;

    // What a session takes that holds nothing: docs/reference/memory.md.
    private const int Itself = 16 << 10;

    private const int Share = 8;
    private const int FewestAtATime = 8;

    private readonly Lock _gate = new();
    private readonly HashSet<OpenSession> _sessions = [];
    private long _last;

    /// <summary>Sessions that are open.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _sessions.Count;
        }
    }

    /// <summary>Pictures of all of them, in no order.</summary>
    public IReadOnlyList<SessionView> Views
    {
        get
        {
            lock (_gate)
                return [.. _sessions.Select(static session => session.View())];
        }
    }

    /// <summary>Adds a session until it is disposed.</summary>
    public OpenSession Add(ClientConnection connection)
    {
        lock (_gate)
        {
            var session = new OpenSession(this, ++_last, connection);
            _sessions.Add(session);
            return session;
        }
    }

    /// <summary>A session is over.</summary>
    public void Remove(OpenSession session)
    {
        lock (_gate)
            _sessions.Remove(session);
    }

    /// <inheritdoc />
    public int Shed(long octets, bool isUrgent)
    {
        var candidates = Candidates(isUrgent, out var most);
        var asked = 0;
        foreach (var candidate in candidates.Order())
        {
            if (octets <= 0 || asked == most)
                break;

            candidate.Session.Ask();
            octets -= candidate.Standing.Held + Itself;
            asked++;
        }

        return asked;
    }

    private List<Candidate> Candidates(bool isUrgent, out int most)
    {
        lock (_gate)
        {
            most = Math.Max(FewestAtATime, _sessions.Count / Share);
            var views = _sessions.Select(static session => (Session: session, View: session.View())).ToList();
            var ofClients = views.CountBy(static session => session.View.Client.Range).ToDictionary();
            return
            [
                .. views.Where(session => !session.Session.IsAsked && MayBeAsked(session.View.Standing, isUrgent))
                    .Select(session => new Candidate(session.Session, session.View.Standing, ofClients[session.View.Client.Range])),
            ];
        }
    }

    private static bool MayBeAsked(in SessionStanding standing, bool isUrgent) =>
        standing.Rank != SheddingRank.Kept && (isUrgent || (standing.Rank != SheddingRank.Content && standing.Held >= Step));

    private readonly record struct Candidate(OpenSession Session, SessionStanding Standing, int OfClient) : IComparable<Candidate>
    {
        private (bool, long, SheddingRank, int, long) Order =>
            (Standing.Rank == SheddingRank.Content, -Standing.Held / Step, Standing.Rank, -OfClient, Standing.Progress);

        public int CompareTo(Candidate other) => Order.CompareTo(other.Order);
    }
}
