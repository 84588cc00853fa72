using System.Net;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks.Speed;

/// <summary>A way to the server of a workload.</summary>
/// <param name="Name">What is on it: one of the constants here.</param>
/// <param name="EndPoint">Where clients connect.</param>
/// <param name="Processes">The processes that are on it, by their ids; none for <see cref="Direct"/>.</param>
internal sealed record Contender(string Name, IPEndPoint EndPoint, Func<IEnumerable<int>> Processes)
{
    /// <summary>The shield, with its log and every default limit.</summary>
    public const string Shield = "shield";

    /// <summary>A shield of which all is seen: limits in shadow, history, and metrics that are read once a second.</summary>
    public const string Observed = "observed";

    /// <summary>A shield with as many readers of its stream as there may be.</summary>
    public const string Streamed = "streamed";

    /// <summary>A shield that has banned its clients.</summary>
    public const string Banned = "banned";

    /// <summary>A shield that holds many idle sessions.</summary>
    public const string Held = "held";

    /// <summary>A shield that knows 10,000 clients.</summary>
    public const string Known10000 = "known-10000";

    /// <summary>A shield that knows 1,000,000 clients.</summary>
    public const string Known1000000 = "known-1000000";

    /// <summary>A shield that counts together with others, which no connection waits for.</summary>
    public const string Shared = "shared";

    /// <summary>The same where each event waits for what others count.</summary>
    public const string Strict = "strict";

    /// <summary>A shield that counts together, whose store does not answer.</summary>
    public const string Away = "away";

    /// <summary>HAProxy in TCP mode, with a stick table that counts each client's connections.</summary>
    public const string HAProxy = "haproxy";

    /// <summary>nginx's stream module with limit_conn.</summary>
    public const string Nginx = "nginx";

    /// <summary>A Postfix with its anvil(8) as the server itself.</summary>
    public const string Postfix = "postfix";

    /// <summary>Nothing.</summary>
    public const string Direct = "direct";

    /// <summary>Processor time its processes have used so far.</summary>
    public TimeSpan ProcessorTime => Processes().Aggregate(TimeSpan.Zero, static (sum, process) => sum + ProcessFigures.ProcessorTimeOf(process));

    /// <summary>Nothing between client and server.</summary>
    public static Contender None(IPEndPoint server) => new(Direct, server, static () => []);

    /// <summary>A shield.</summary>
    public static Contender Of(ShieldProcess shield, string name = Shield) => new(name, shield.EndPoint, () => [shield.Id]);

    /// <summary>An HAProxy.</summary>
    public static Contender Of(HAProxyInstance haproxy) => new(HAProxy, haproxy.EndPoint, () => [haproxy.Id]);

    /// <summary>An nginx.</summary>
    public static Contender Of(NginxInstance nginx) => new(Nginx, nginx.EndPoint, () => [nginx.Id]);
}
