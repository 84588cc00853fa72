using System.Runtime.CompilerServices;
using SmtpShield.Transport;

namespace SmtpShield.Listening;

/// <summary>What the system gives this process, read once at the start.</summary>
/// <param name="Descriptors">Files and sockets it may have open (<c>RLIMIT_NOFILE</c>); <see cref="int.MaxValue"/> without a limit.</param>
/// <param name="DescriptorsOpen">
/// Those it has open for itself as long as it runs: its log, and its own files, two for each assembly unless it is compiled ahead of time.
/// </param>
/// <param name="Memory">
/// Octets its heap may grow to: <c>DOTNET_GCHeapHardLimit</c>, else 75 % of the memory limit of its control group (a container's, systemd <c>MemoryMax=</c>),
/// else what the machine has.
/// </param>
internal sealed record ProcessResources(int Descriptors, int DescriptorsOpen, long Memory)
{
    // What the program has open when it serves clients with everything loaded, with .NET 10: 194; compiled ahead of time 12.
    private static int LeastDescriptors => HasAssemblies ? 200 : 48;

    // Two for each assembly that is loaded behind this point: when it listens, with the first session, with the first handshake (44 in .NET 10).
    private static int LateDescriptors => HasAssemblies ? 48 : 16;

    private static bool HasAssemblies => RuntimeFeature.IsDynamicCodeCompiled;

    /// <summary>To be asked first thing: further on there may be no descriptor left to say it with.</summary>
    /// <exception cref="SessionCapacityException">The program itself has not enough.</exception>
    public static void RequireDescriptors()
    {
        if (DescriptorLimit.Raise() is var limit && limit < LeastDescriptors)
            throw new SessionCapacityException(limit, LeastDescriptors + SessionBound.DescriptorReserve);
    }

    /// <summary>Those of this process, with the soft limit of descriptors raised to the hard one.</summary>
    public static ProcessResources OfThisProcess() =>
        new(DescriptorLimit.Raise(), DescriptorLimit.CountOpen() + LateDescriptors, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
}
