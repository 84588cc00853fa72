using System.Globalization;
using System.Text.Json;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;

namespace SmtpShield.Benchmarks;

/// <summary>What a shield holds at one moment.</summary>
internal sealed record SoakFigures
{
    /// <summary>The head of the table that <see cref="Row"/> is a row of.</summary>
    public const string Head =
        "| Seconds | RSS | Descriptors | Sockets | Threads | Sessions | Sessions at the MTAs (waiting) | Log | Mails accepted | Refusals |\n"
        + "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

    /// <summary>Kilobytes of memory that are resident.</summary>
    public required long Resident { get; init; }

    /// <summary>Open descriptors, by what they are of.</summary>
    public required IReadOnlyDictionary<string, int> Descriptors { get; init; }

    /// <summary>Connections it has not closed.</summary>
    public required int Sockets { get; init; }

    /// <summary>Threads.</summary>
    public required long Threads { get; init; }

    /// <summary>Sessions of clients; null: it did not say.</summary>
    public required int? Sessions { get; init; }

    /// <summary>For each MTA its sessions and those who wait for one.</summary>
    public required IReadOnlyList<(int Sessions, int Waiting)> Mtas { get; init; }

    /// <summary>Octets it has logged.</summary>
    public required long Logged { get; init; }

    /// <summary>Nobody is there: no session, no slot, no waiter, no connection.</summary>
    public bool IsEmpty => Sessions == 0 && Sockets == 0 && Mtas.Count > 0 && Mtas.All(static mta => mta == default);

    /// <summary>Looks at a shield.</summary>
    public static async Task<SoakFigures> LookAsync(ShieldProcess shield, CancellationToken cancellationToken)
    {
        int? sessions = null;
        IReadOnlyList<(int, int)> mtas = [];
        try
        {
            using var status = JsonDocument.Parse((await ControlHttp.AskAsync(shield.ControlSocket, HttpMethod.Get, "/v1/status", cancellationToken)).Body);
            sessions = status.RootElement.GetProperty("services").EnumerateArray().Sum(static service => service.GetProperty("sessions").GetInt32());
            mtas =
            [
                .. status.RootElement.GetProperty("upstreams").EnumerateArray()
                    .Select(static mta => (mta.GetProperty("sessions").GetInt32(), mta.GetProperty("waiting").GetInt32())),
            ];
        }
        catch (HttpRequestException)
        {
            // It has too much to do to say so; what the kernel knows is there all the same.
        }

        return new()
        {
            Resident = shield.Status("VmRSS"),
            Descriptors = Directory.GetFiles($"/proc/{shield.Id}/fd").Select(KindOf).OfType<string>().CountBy(static kind => kind).ToDictionary(),
            Sockets = shield.ConnectedSockets().Count,
            Threads = shield.Status("Threads"),
            Sessions = sessions,
            Mtas = mtas,
            Logged = File.Exists(shield.LogPath) ? new FileInfo(shield.LogPath).Length : 0,
        };
    }

    /// <summary>Of what it has more descriptors open than before, and how many more.</summary>
    public IReadOnlyList<string> MoreDescriptorsThan(SoakFigures before) =>
    [
        .. Descriptors.Where(kind => kind.Value > before.Descriptors.GetValueOrDefault(kind.Key))
            .Select(kind => $"{kind.Value - before.Descriptors.GetValueOrDefault(kind.Key)} x {kind.Key}"),
    ];

    /// <summary>As a row of a Markdown table.</summary>
    /// <param name="at">When.</param>
    /// <param name="ledger">The known clients' ledger.</param>
    public string Row(TimeSpan at, MailLedger ledger) => string.Create(CultureInfo.InvariantCulture,
        $"| {at.TotalSeconds:0} | {Resident / 1024d:0.0} MiB | {Descriptors.Values.Sum()} | {Sockets} | {Threads} "
        + $"| {Sessions?.ToString(CultureInfo.InvariantCulture) ?? "–"} "
        + $"| {string.Join(", ", Mtas.Select(static mta => $"{mta.Sessions} ({mta.Waiting})"))} | {Logged / 1000d:0} KB | {ledger.Acknowledged} "
        + $"| {ledger.Refusals.Values.Sum()} |");

    // A socket's number says nothing: socket:[12345], /proc/PID/fd. Null: it is closed by now.
    private static string? KindOf(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName.Split('[')[0];
        }
        catch (IOException)
        {
            return null;
        }
    }
}
