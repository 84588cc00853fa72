using SmtpShield.Options;

namespace SmtpShield.Listening;

/// <summary>
/// What fits into the descriptors and the memory of the process, for all services together. Computed from the limits, as HAProxy computes its <c>maxconn</c>
/// (limits.c): who waits in the kernel's listen queue loses nothing, but a runtime that gets no descriptor for a thread, or no memory, ends the process and all
/// sessions with it.
/// </summary>
/// <param name="Connections">Clients' connections that may be open: sessions, and those that are just closing.</param>
/// <param name="Closing">How many of them may be closing at a time; further ones are closed at once.</param>
/// <param name="Cause">What bounds them, for the administrator: the limit's value and its names.</param>
/// <param name="Needed">What the limit has to be for a number of sessions, for the administrator.</param>
internal sealed record SessionBound(int Connections, int Closing, string Cause, Func<int, string> Needed)
{
    /// <summary>
    /// Descriptors kept free: log, configuration and certificates that are read again, look-ups, probes of the MTA, the pipe of each thread that starts.
    /// </summary>
    internal const int DescriptorReserve = 256;

    /// <summary>Where so many are not there: half of them, and at least this number.</summary>
    internal const int LeastDescriptorReserve = 32;

    /// <summary>Octets of heap for everything that is no session and no counted client.</summary>
    internal const long BaseMemory = 32 << 20;

    /// <summary>Octets a session may take: above each measured state (docs/reference/memory.md), and 64 KiB received that wait to be read.</summary>
    internal const long SessionMemory = 96 << 10;

    // A client of the table, as docs/reference/parameters/shield_client_table_size.md has it.
    private const long TableEntryMemory = 116;

    // The client's and the MTA's. While a connection closes the MTA's is free already; it is not counted on.
    private const int DescriptorsPerConnection = 2;

    private const int MostClosing = 2000;
    private const int ClosingShare = 8;

    /// <summary>Sessions of all services together.</summary>
    public int Sessions => Connections - Closing;

    /// <summary>A limit of descriptors and its names.</summary>
    public static string CauseOf(int descriptors) => $"{descriptors} file descriptors (ulimit -n, systemd LimitNOFILE=)";

    /// <summary>The tighter one of the two bounds.</summary>
    public static SessionBound Of(ProcessResources resources, ShieldOptions options, int endpoints) =>
        OfDescriptors(resources, endpoints) is var descriptors && OfMemory(resources, options) is var memory && memory.Sessions < descriptors.Sessions
            ? memory
            : descriptors;

    // Each end point can hold a client that has been accepted and waits for a place.
    private static SessionBound OfDescriptors(ProcessResources resources, int endpoints)
    {
        var free = resources.Descriptors - resources.DescriptorsOpen - endpoints;
        var reserve = Math.Clamp(free / 2, LeastDescriptorReserve, DescriptorReserve);
        return Of(
            (free - reserve) / DescriptorsPerConnection,
            CauseOf(resources.Descriptors),
            sessions => $"{resources.DescriptorsOpen + endpoints + DescriptorReserve + (long)DescriptorsPerConnection * ConnectionsFor(sessions)} descriptors");
    }

    // The table of clients gets what it may need, but not more than half: the guard stops new clients before it is too much.
    private static SessionBound OfMemory(ProcessResources resources, ShieldOptions options)
    {
        var free = resources.Memory - BaseMemory;
        var table = options.Anvil.ClientTableSize * TableEntryMemory;
        return Of(
            (int)Math.Min(int.MaxValue, (free - Math.Min(table, free / 2)) / SessionMemory),
            $"{resources.Memory >> 20} MiB of memory (DOTNET_GCHeapHardLimit, or 75 % of a container's limit and of systemd MemoryMax=)",
            sessions => $"{(BaseMemory + table + (SessionMemory * ConnectionsFor(sessions)) + (1 << 20) - 1) >> 20} MiB");
    }

    private static SessionBound Of(int connections, string cause, Func<int, string> needed) =>
        new(Math.Max(connections, 0), Math.Clamp(connections / ClosingShare, 0, MostClosing), cause, needed);

    private static long ConnectionsFor(int sessions) => sessions + Math.Min((sessions + ClosingShare - 2L) / (ClosingShare - 1), MostClosing);
}
