// Fixtures run side by side, one for each processor: they share nothing but the process. Those that measure its memory or the real time, or want all
// processors, say NonParallelizable.
[assembly: Parallelizable(ParallelScope.Fixtures)]
