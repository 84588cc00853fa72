using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>One event of a client's history, in 16 octets.</summary>
/// <param name="Second">When, in the table's seconds.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Detail">The limit's place in <see cref="ClientLimits.All"/>, or the verb; by kind.</param>
/// <param name="Code">What the client was told; 0: nothing.</param>
/// <param name="Count">What was counted.</param>
/// <param name="Limit">What it was compared with; 0: nothing.</param>
internal readonly record struct ClientEvent(int Second, ClientEventKind Kind, byte Detail, ushort Code, int Count, int Limit)
{
    private const ushort SessionEnds = 421;

    /// <summary>Which limit it was; null: none of a client's.</summary>
    public ClientLimit? Rule => Kind == ClientEventKind.Limit ? ClientLimits.All[Detail] : null;

    /// <summary>Which command the MTA has refused; null: it is about none.</summary>
    public Verb? Verb => Kind == ClientEventKind.Error ? (Verb)Detail : null;

    /// <summary>Whether the shield has refused something.</summary>
    public bool IsRefusal => Kind is not (ClientEventKind.Error or ClientEventKind.Released);

    /// <summary>A limit has refused something.</summary>
    public static ClientEvent Of(in LimitHit hit, int limit, int code) =>
        new(0, ClientEventKind.Limit, (byte)ClientLimits.IndexOf(hit.Limit), (ushort)code, hit.Count, limit);

    /// <summary>It has left too many handshakes.</summary>
    public static ClientEvent OfHandshakes(int left) => new(0, ClientEventKind.Handshakes, 0, 0, left, 0);

    /// <summary>The MTA has refused a command.</summary>
    public static ClientEvent OfError(Verb verb, int code, int errors) => new(0, ClientEventKind.Error, (byte)verb, (ushort)code, errors, 0);

    /// <summary>A session ends for its errors.</summary>
    public static ClientEvent OfTooManyErrors(int errors, int limit) => new(0, ClientEventKind.TooManyErrors, 0, SessionEnds, errors, limit);

    /// <summary>A session ends for a command that is not SMTP.</summary>
    public static ClientEvent OfForbiddenCommand(int code) => new(0, ClientEventKind.ForbiddenCommand, 0, (ushort)code, 1, 0);

    /// <summary>A session ends for input before its time.</summary>
    public static ClientEvent OfPipelining(int code) => new(0, ClientEventKind.Pipelining, 0, (ushort)code, 1, 0);

    /// <summary>Its counts were set to 0.</summary>
    public static ClientEvent OfRelease() => new(0, ClientEventKind.Released, 0, 0, 0, 0);
}
