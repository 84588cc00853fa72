using System.CommandLine;

namespace SmtpShield.Benchmarks.Observe;

/// <summary><c>observe</c>: what it costs an operator to see, and a shield to be seen, with a million clients.</summary>
internal static class ObserveCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var command = new Command("observe", "Measures history, lists of clients, explanations, memory of full tables, and bans.");
        command.SetAction(static async (_, cancellationToken) =>
        {
            Console.WriteLine(ObserveFigure.Head);
            foreach (var figure in FullTables.Measure())
                Console.WriteLine(figure.Row);
            await foreach (var figure in ManyClients.MeasureAsync(cancellationToken))
                Console.WriteLine(figure.Row);
            await foreach (var figure in FreshBans.MeasureAsync(cancellationToken))
                Console.WriteLine(figure.Row);
            return 0;
        });
        return command;
    }
}
