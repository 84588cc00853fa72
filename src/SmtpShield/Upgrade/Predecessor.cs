using System.Globalization;
using System.IO.Pipes;
using SmtpShield.Listening;
using SmtpShield.State;
using SmtpShield.Transport;

namespace SmtpShield.Upgrade;

/// <summary>The shield that has started this process to take over from it.</summary>
internal sealed class Predecessor : IDisposable
{
    /// <summary>Where a successor is told of its pipes: the descriptor to read from, a comma, the one to write to.</summary>
    public const string Variable = "SMTPSHIELD_HANDOVER";

    private readonly HandOverChannel _channel;

    private Predecessor(HandOverChannel channel) => _channel = channel;

    /// <summary>It accepts no more, and has left its control socket and its state directory. Told once, or not at all.</summary>
    public event Action? Left;

    /// <summary>Its process id.</summary>
    public int Process { get; private set; }

    /// <summary>Whether it takes news.</summary>
    public bool Hears { get; private set; }

    /// <summary>Its version.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Who wants that this process takes over.</summary>
    public string By { get; private set; } = "";

    /// <summary>Its listening sockets.</summary>
    public InheritedSockets Sockets { get; } = new();

    /// <summary>What it knows.</summary>
    public GivenState State { get; } = new();

    /// <summary>The shield that has started this process; null: it was started otherwise. To be asked once.</summary>
    public static Predecessor? FromEnvironment()
    {
        var pipes = Environment.GetEnvironmentVariable(Variable)?.Split(',');
        Environment.SetEnvironmentVariable(Variable, null);
        if (pipes is not [var input, var output])
            return null;
        try
        {
            var (reader, writer) = (new AnonymousPipeClientStream(PipeDirection.In, input), new AnonymousPipeClientStream(PipeDirection.Out, output));
            // Not for this one's successor.
            DescriptorInheritance.Set(reader.SafePipeHandle, isPassedOn: false);
            DescriptorInheritance.Set(writer.SafePipeHandle, isPassedOn: false);
            return new(new(reader, writer));
        }
        catch (Exception exception) when (exception is ArgumentException or IOException)
        {
            // No pipes: somebody has set the variable.
            return null;
        }
    }

    /// <summary>Says that this process would start, and takes what it is given.</summary>
    /// <returns>False: the other one goes on, and this one is to end.</returns>
    public async Task<bool> ReceiveAsync(string version, CancellationToken cancellationToken)
    {
        await _channel.SayAsync(string.Create(CultureInfo.InvariantCulture, $"{HandOverWords.Checked} {version} {Environment.ProcessId}"), cancellationToken);
        var file = "";
        while (await _channel.ReadAsync(cancellationToken) is { } line)
        {
            if (line is [' ', ..])
            {
                State.Add(file, line[1..]);
                continue;
            }

            switch (HandOverWords.Split(line))
            {
                case (HandOverWords.Head, var rest) when rest.Split(' ') is [_, var its, var process]
                    && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out var id):
                    (Version, Process) = (its, id);
                    break;
                case (HandOverWords.Hears, _):
                    Hears = true;
                    break;
                case (HandOverWords.By, var rest):
                    By = rest;
                    break;
                case (HandOverWords.Socket, var rest) when int.TryParse(rest, NumberStyles.None, CultureInfo.InvariantCulture, out var descriptor):
                    Sockets.Add(HandOverWords.Socket, descriptor);
                    break;
                case (HandOverWords.State, var rest):
                    file = rest;
                    break;
                case (HandOverWords.Go, _):
                    return true;
            }
        }

        return false;
    }

    /// <summary>Says why this process does not take over; it ends then.</summary>
    public async Task FailAsync(IEnumerable<string> reasons)
    {
        foreach (var reason in reasons)
            await _channel.AddAsync($"{HandOverWords.Failed} {reason.ReplaceLineEndings(" ")}", CancellationToken.None);
        await _channel.FlushAsync(CancellationToken.None);
    }

    /// <summary>Says that this process has started, and waits until it may accept.</summary>
    /// <returns>False: the other one goes on, and this one is to end.</returns>
    public async Task<bool> WaitForTurnAsync(CancellationToken cancellationToken)
    {
        await _channel.SayAsync(HandOverWords.Ready, cancellationToken);
        return await IsToldAsync(HandOverWords.Take, cancellationToken);
    }

    /// <summary>Says that this process accepts, and waits until the other one has left, or has ended.</summary>
    public async Task TakeOverAsync(CancellationToken cancellationToken)
    {
        await _channel.SayAsync(HandOverWords.Serving, cancellationToken);
        await IsToldAsync(HandOverWords.Left, cancellationToken);
        Left?.Invoke();
    }

    /// <summary>Takes what it tells from then on, until it ends.</summary>
    public Task HearAsync(HandOverNews news, CancellationToken cancellationToken) => news.HearAsync(_channel, cancellationToken);

    /// <summary>Tells it what changes, until it ends.</summary>
    public Task TellAsync(HandOverNews news, CancellationToken cancellationToken) => news.TellAsync(_channel, cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        Sockets.Dispose();
        _channel.Dispose();
    }

    private async Task<bool> IsToldAsync(string word, CancellationToken cancellationToken)
    {
        while (await _channel.ReadAsync(cancellationToken) is { } line)
        {
            if (line == word)
                return true;
        }

        return false;
    }
}
