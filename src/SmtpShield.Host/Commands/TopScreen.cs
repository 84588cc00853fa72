using System.CommandLine;
using SmtpShield.Control;
using SmtpShield.Control.Clients;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield top</c> on a terminal: the list is drawn anew each second, and keys choose what comes first.</summary>
/// <param name="options">The command's options.</param>
/// <param name="arguments">The command line.</param>
/// <param name="resource">What to ask, by the key of the order.</param>
internal sealed class TopScreen(ControlArguments options, ParseResult arguments, Func<string, string> resource)
{
    private const string Home = "\u001B[H\u001B[J";
    private const string Keys = 
        "sort: n nearness  o open  c connections  m messages  r recipients  t tls  a auths  e errors  f auth failures  x refused    q quit";

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    /// <summary>Draws until q is typed, or nobody answers.</summary>
    /// <param name="sort">What comes first.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The exit status.</returns>
    public async Task<int> RunAsync(string sort, CancellationToken cancellationToken)
    {
        while (true)
        {
            var status = await new ControlQuestion(options).AskAsync(
                arguments, HttpMethod.Get, resource(sort), change: null,
                (text, _) =>
                {
                    Console.Out.Write(Home + Frame(text, sort, options.ZoneOf(arguments), Console.WindowWidth, Console.WindowHeight));
                    return ControlQuestion.Done;
                },
                cancellationToken);
            if (status != ControlQuestion.Done || await NextAsync(sort, cancellationToken) is not { } next)
                return status;
            sort = next;
        }
    }

    /// <summary>What a terminal of this size shows: no line is longer than it is wide, so none is broken.</summary>
    public static string Frame(string text, string sort, TimeZoneInfo zone, int width, int height)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        TopCommand.Print(text, new(writer, zone));
        var lines = writer.ToString().TrimEnd('\n').Split('\n');
        var room = Math.Max(1, height - 3);
        string[] shown = [Keys, $"by {sort}, {lines[^1]}", .. lines[..^1].Take(room)];
        return string.Join('\n', shown.Select(line => line.Length <= width ? line : line[..width]));
    }

    /// <summary>The order a key asks for; null: none.</summary>
    public static string? SortOf(char key) => key switch
    {
        'n' => ClientSort.Nearness.Word(),
        'o' => ClientSort.Open.Word(),
        'c' => ClientSort.Connections.Word(),
        'm' => ClientSort.Messages.Word(),
        'r' => ClientSort.Recipients.Word(),
        't' => ClientSort.TlsSessions.Word(),
        'a' => ClientSort.Auths.Word(),
        'e' => ClientSort.Errors.Word(),
        'f' => ClientSort.AuthFailures.Word(),
        'x' => ClientSort.Refused.Word(),
        _ => null,
    };

    // Null: it is to end.
    private static async Task<string?> NextAsync(string sort, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        for (var since = time.GetTimestamp(); time.GetElapsedTime(since) < Second;)
        {
            if (!Console.KeyAvailable)
            {
                await Task.Delay(Glance, time, cancellationToken);
                continue;
            }

            var key = Console.ReadKey(intercept: true).KeyChar;
            if (key == 'q')
                return null;
            if (SortOf(key) is { } other)
                return other;
        }

        return sort;
    }
}
