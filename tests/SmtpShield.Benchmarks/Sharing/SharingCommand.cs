using System.CommandLine;
using SmtpShield.Benchmarks.Observe;

namespace SmtpShield.Benchmarks.Sharing;

/// <summary><c>sharing</c>: what it costs store and shields to count together, and how much one store can take.</summary>
internal static class SharingCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("sharing", "Measures reports to a Redis, a hundred shields at one, and the table with what others count.");
        command.SetAction(static async (_, cancellationToken) =>
        {
            Console.WriteLine(ObserveFigure.Head);
            foreach (var figure in SharedEvents.Measure())
                Console.WriteLine(figure.Row);
            await foreach (var figure in StoreCosts.MeasureAsync(cancellationToken))
                Console.WriteLine(figure.Row);
            return 0;
        });
        return command;
    }
}
