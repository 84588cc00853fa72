using System.CommandLine;
using SmtpShield.Benchmarks.Observe;

namespace SmtpShield.Benchmarks.Sharing;

/// <summary><c>sharing</c>: what it costs stores and shields to count together, and how much one store can take, and three.</summary>
internal static class SharingCommand
{
    private static readonly int[] s_stores = [1, 3];

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var farm = new Option<bool>("--farm") { Description = "Measure the hundred shields only." };
        var command = new Command("sharing", "Measures reports to a Redis, the table with what others count, and a hundred shields at one store and at three.")
        {
            farm,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            Console.WriteLine(ObserveFigure.Head);
            if (!arguments.GetValue(farm))
            {
                foreach (var figure in SharedEvents.Measure())
                    Console.WriteLine(figure.Row);
                await foreach (var figure in StoreCosts.MeasureAsync(cancellationToken))
                    Console.WriteLine(figure.Row);
            }

            foreach (var stores in s_stores)
                Console.WriteLine((await FarmLoad.MeasureAsync(stores, cancellationToken)).Row);
            return 0;
        });
        return command;
    }
}
