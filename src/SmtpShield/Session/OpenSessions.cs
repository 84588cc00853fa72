using SmtpShield.Admission;
using SmtpShield.Listening;

namespace SmtpShield.Session;

/// <summary>
/// The sessions of all services, and which of them go first when memory runs out: those that hold most, in steps of <see cref="Step"/>; of those that
/// hold as much the ones without a transaction, then those of the client with most sessions, then those that have not got on for longest. Inside content
/// only when nothing else is left.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class OpenSessions(TimeProvider time) : IOpenSessions
{
    /// <summary>Octets below which what sessions hold is the same. One that holds less than this is no reason for memory being short.</summary>
    public const int Step = 16 << 10;

    // What a session takes that holds nothing: docs/reference/memory.md.
    private const int Itself = 16 << 10;

    // Postfix's smtpd_timeout under stress; of clients with several sessions at most one is needed so soon again.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SilenceOfMany = TimeSpan.FromSeconds(2);

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
            OpenSession[] all;
            lock (_gate)
                all = [.. _sessions];
            return [.. all.Select(static session => session.View())];
        }
    }

    /// <summary>Counts those of a service that stand in some way. Nobody who begins or ends a session waits for more than a copy of references.</summary>
    /// <param name="service">The service.</param>
    /// <param name="matches">In which way.</param>
    public int CountOf(string service, Func<SessionStanding, bool> matches) => Views.Count(view => view.Service == service && matches(view.Standing));

    /// <summary>Adds a session until it is disposed.</summary>
    public OpenSession Add(ClientConnection connection)
    {
        connection.Metrics.EnterSession();
        lock (_gate)
        {
            var session = new OpenSession(this, ++_last, connection);
            _sessions.Add(session);
            return session;
        }
    }

    /// <summary>A session is over.</summary>
    /// <returns>False: it was before.</returns>
    public bool Remove(OpenSession session)
    {
        lock (_gate)
            return _sessions.Remove(session);
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

            candidate.Session.Ask(SessionRequest.Memory);
            octets -= candidate.Standing.Held + Itself;
            asked++;
        }

        return asked;
    }

    /// <inheritdoc />
    public int MakeRoom(string service, int atMost)
    {
        var asked = 0;
        foreach (var (session, _, _) in SilentOf(service).OrderByDescending(static silent => silent.OfClient)
            .ThenBy(static silent => silent.Since).Take(atMost))
        {
            session.Ask(SessionRequest.Place);
            asked++;
        }

        return asked;
    }

    /// <summary>How long a client may be silent while others wait for its place.</summary>
    /// <param name="ofClient">How many sessions it has.</param>
    public static TimeSpan PatienceWith(int ofClient) => ofClient > 1 ? SilenceOfMany : Silence;

    private List<(OpenSession Session, int OfClient, long Since)> SilentOf(string service)
    {
        lock (_gate)
        {
            var views = _sessions.Select(static session => (Session: session, View: session.View())).Where(session => session.View.Service == service).ToList();
            var ofClients = views.CountBy(static session => session.View.Client.Range).ToDictionary();
            return
            [
                .. from session in views
                   let standing = session.View.Standing
                   let ofClient = ofClients[session.View.Client.Range]
                   where session.Session.Request is SessionRequest.None && standing.IsClientsTurn
                       && time.GetElapsedTime(standing.Progress) >= PatienceWith(ofClient)
                   select (session.Session, ofClient, standing.Progress),
            ];
        }
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
                .. views.Where(session => session.Session.Request is SessionRequest.None && MayBeAsked(session.View.Standing, isUrgent))
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
