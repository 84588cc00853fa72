using SmtpShield.Clients;
using SmtpShield.Listening;

namespace SmtpShield.Relay;

/// <summary>
/// The sessions of all services, and which of them go first when memory runs out: those that hold most, in steps of <see cref="Step"/>; of those that hold as much the ones without a
/// transaction, then those of the client with most sessions, then those that have not got on for longest. Inside content only when nothing else is left.
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

    /// <summary>Sessions that are open.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _sessions.Count;
        }
    }

    /// <summary>Adds a session until it is disposed.</summary>
    /// <param name="client">Whose it is.</param>
    /// <param name="wake">Makes its loop look.</param>
    public OpenSession Add(ClientRange client, Action wake)
    {
        var session = new OpenSession(this, client, wake);
        lock (_gate)
            _sessions.Add(session);
        return session;
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
            octets -= candidate.Held + Itself;
            asked++;
        }

        return asked;
    }

    private List<Candidate> Candidates(bool isUrgent, out int most)
    {
        lock (_gate)
        {
            most = Math.Max(FewestAtATime, _sessions.Count / Share);
            var ofClients = _sessions.CountBy(static session => session.Client).ToDictionary();
            var candidates = new List<Candidate>();
            foreach (var session in _sessions)
            {
                var candidate = new Candidate(session, session.Rank, session.Held, ofClients[session.Client], session.Progress);
                if (!session.IsAsked && candidate.Rank != SheddingRank.Kept && (isUrgent || (candidate.Rank != SheddingRank.Content && candidate.Held >= Step)))
                    candidates.Add(candidate);
            }

            return candidates;
        }
    }

    // A copy of what the session says: it goes on saying it.
    private readonly record struct Candidate(OpenSession Session, SheddingRank Rank, long Held, int OfClient, long Progress) : IComparable<Candidate>
    {
        private (bool, long, SheddingRank, int, long) Order => (Rank == SheddingRank.Content, -Held / Step, Rank, -OfClient, Progress);

        public int CompareTo(Candidate other) => Order.CompareTo(other.Order);
    }
}
