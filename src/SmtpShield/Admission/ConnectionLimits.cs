using SmtpShield.Limits;

namespace SmtpShield.Admission;

/// <summary>Counts connections and judges them by all limits there are on them. What follows is its caller's part.</summary>
internal static class ConnectionLimits
{
    /// <summary>
    /// Counts the connection, if any limit is set or in shadow or clients are observed, and judges it. Refused ones count too: they keep a client over its
    /// limit. A proxy's check of the shield is neither counted nor refused; a MAIL in it is an event like any other, where a limit is on it.
    /// </summary>
    /// <returns>Null: it may come in.</returns>
    public static async ValueTask<ConnectionRefusal?> CountAsync(ClientConnection connection)
    {
        if (connection.Counter is not { } counter || connection.IsCheck)
            return null;

        var shadow = connection.Shadow;
        shadow?.NoteSeen();
        if (!ClientLimits.IsAnyCounted(connection.Options) && !connection.Options.IsObserved)
            return null;

        var counts = counter.Connect(out var others);
        if (others is not null)
        {
            await others.WhenOverAsync().ConfigureAwait(false);
            counts = others.Counts;
        }

        return Judge(connection, counter, counts);
    }

    private static ConnectionRefusal? Judge(ClientConnection connection, ClientCounter counter, in AnvilCounts counts)
    {
        var limits = connection.Options.Limits;
        connection.Shadow?.JudgeAtConnect(counts);
        if (ClientLimits.JudgeAtConnect(counts, limits) is not { } hit)
            return null;

        var reply = hit.ReplyTo(connection.Options.AtStart.Smtpd.MyHostname, connection.Client);
        counter.NoteRefusal(hit, limits, reply.Code);
        return new(hit.Limit.Parameter, hit.Limit.Subject, hit.Count, reply);
    }
}
