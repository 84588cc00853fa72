using System.CommandLine;
using SmtpShield.Benchmarks;
using SmtpShield.Benchmarks.Observe;
using SmtpShield.Benchmarks.Sharing;
using SmtpShield.Benchmarks.Speed;

// Prints figures and asserts nothing: how long something takes is the machine's affair as well.
var slots = new Command("slots", "How long it takes to wait for one of the MTA's sessions, and to be given one.");
slots.SetAction(static _ => SlotBenchmark.Run(Console.Out));
var metrics = new Command("metrics", "What it costs to count, and to write what was counted.");
metrics.SetAction(static _ => MetricsBenchmark.Run(Console.Out));
var root = new RootCommand("Measures SmtpShield and the MTA behind it.")
{
    SpeedCommand.Create(), AttacksCommand.Create(), AttackerCommand.Create(), SoakCommand.Create(), ObserveCommand.Create(), SharingCommand.Create(), slots,
    metrics,
};
return await root.Parse(args).InvokeAsync();
