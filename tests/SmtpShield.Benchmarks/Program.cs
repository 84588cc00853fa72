using SmtpShield.Benchmarks;

// dotnet run --project tests/SmtpShield.Benchmarks -c Release [slots]
// Prints figures and asserts nothing: how long something takes is the machine's affair as well.
var benchmarks = new Dictionary<string, Action<TextWriter>>(StringComparer.Ordinal)
{
    ["slots"] = SlotBenchmark.Run,
};

if (args.FirstOrDefault(name => !benchmarks.ContainsKey(name)) is { } unknown)
{
    Console.Error.WriteLine($"No benchmark {unknown}; there is {string.Join(", ", benchmarks.Keys)}.");
    return 1;
}

foreach (var name in args.Length > 0 ? args : [.. benchmarks.Keys])
    benchmarks[name](Console.Out);
return 0;
