using System.CommandLine;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Clients;

namespace SmtpShield.Host.Commands;

/// <summary>
/// <c>smtpshield top</c> on a terminal: the list is drawn anew each second, and keys choose what comes first, and let in or explain the client that is marked.
/// </summary>
/// <param name="options">The command's options.</param>
/// <param name="arguments">The command line.</param>
/// <param name="resource">What to ask, by the key of the order.</param>
internal sealed class TopScreen(ControlArguments options, ParseResult arguments, Func<string, string> resource)
{
    private const string Home = "\u001B[H\u001B[J";

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    /// <summary>Draws until q is typed, or nobody answers.</summary>
    /// <param name="sort">What comes first.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The exit status.</returns>
    public async Task<int> RunAsync(string sort, CancellationToken cancellationToken)
    {
        var view = new TopView(sort);
        while (true)
        {
            var status = await new ControlQuestion(options).AskAsync(
                arguments, HttpMethod.Get, resource(view.Sort), change: null,
                (text, _) =>
                {
                    view.Take(JsonSerializer.Deserialize(text, ControlJson.Default.ClientList)!, options.ZoneOf(arguments));
                    return ControlQuestion.Done;
                },
                cancellationToken);
            if (status != ControlQuestion.Done || await IsOverAsync(view, cancellationToken))
                return status;
        }
    }

    // Until the list is to be asked for again.
    private async Task<bool> IsOverAsync(TopView view, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        Draw(view);
        for (var since = time.GetTimestamp(); time.GetElapsedTime(since) < Second;)
        {
            if (!Console.KeyAvailable)
            {
                await Task.Delay(Glance, time, cancellationToken);
                continue;
            }

            switch (view.Press(Console.ReadKey(intercept: true)))
            {
                case TopKey.Draw:
                    Draw(view);
                    break;
                case TopKey.Explain:
                    await ExplainAsync(view.Chosen!, cancellationToken);
                    return false;
                case TopKey.Release:
                    await ReleaseAsync(view.Chosen!, cancellationToken);
                    return false;
                case TopKey.Sort:
                    return false;
                case TopKey.Quit:
                    return true;
                default:
                    break;
            }
        }

        return false;
    }

    private Task ExplainAsync(ClientRow client, CancellationToken cancellationToken) => ShowAsync(
        HttpMethod.Get, ResourceQuery.Of($"v1/clients/{AddressOf(client)}", ("service", client.Service)), change: null, ExplainCommand.Print,
        cancellationToken);

    private Task ReleaseAsync(ClientRow client, CancellationToken cancellationToken) => ShowAsync(
        HttpMethod.Post, $"v1/clients/{AddressOf(client)}/release",
        JsonSerializer.Serialize(new ReleaseRequest(client.Service), RequestJson.Default.ReleaseRequest), ReleaseCommand.Print, cancellationToken);

    // Shows what the command of the same name prints, until a key is typed.
    private async Task ShowAsync(
        HttpMethod method, string path, string? change, Action<string, PlainOutput> print, CancellationToken cancellationToken)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        var output = new PlainOutput(writer, options.ZoneOf(arguments));
        // Where the list has come from there is a socket.
        var socket = options.SocketOf(arguments).Path;
        using (var shield = new ControlClient(socket))
        {
            if (await shield.AskAsync(method, path, change, cancellationToken) is not { } answer)
                output.Line($"smtpshield: {ControlQuestion.NobodyAt(socket)}");
            else if (answer.IsDone)
                Print(answer.Text);
            else
                output.Line($"smtpshield: {ControlQuestion.WhyNot(answer.Text)}");
        }

        Console.Out.Write(Home + TopView.Page(writer.ToString(), Console.WindowWidth, Console.WindowHeight));
        while (!Console.KeyAvailable)
            await Task.Delay(Glance, TimeProvider.System, cancellationToken);
        Console.ReadKey(intercept: true);

        void Print(string text)
        {
            try
            {
                print(text, output);
            }
            catch (JsonException)
            {
                output.Line($"smtpshield: what answers at {socket} is no shield of this version");
            }
        }
    }

    // Of a network any address stands for all that is counted as one client.
    private static string AddressOf(ClientRow client) => Uri.EscapeDataString(client.Client.Split('/')[0]);

    private static void Draw(TopView view) => Console.Out.Write(Home + view.Frame(Console.WindowWidth, Console.WindowHeight));
}
