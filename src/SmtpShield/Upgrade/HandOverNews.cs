using System.Threading.Channels;
using SmtpShield.State;

namespace SmtpShield.Upgrade;

/// <summary>Tells the other process of a hand-over what changes, as fast as it takes it, and takes what that one tells.</summary>
/// <param name="known">What changes.</param>
/// <param name="side">Who the other one is.</param>
internal sealed class HandOverNews(IEnumerable<IHandedOver> known, HandOverSide side)
{
    // One is enough: whoever wakes up looks at everything.
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>Remembers from now on what changes.</summary>
    public void Begin()
    {
        foreach (var one in known)
            one.Follow(side, () => _changes.Writer.TryWrite(true));
    }

    /// <summary>Forgets it: there is nobody to be told.</summary>
    public void End()
    {
        foreach (var one in known)
            one.Follow(side, null);
    }

    /// <summary>Tells what changes, until <see cref="HearAsync"/> has heard the other one end.</summary>
    public async Task TellAsync(HandOverChannel channel, CancellationToken cancellationToken)
    {
        await foreach (var _ in _changes.Reader.ReadAllAsync(cancellationToken))
        {
            foreach (var one in known)
            {
                foreach (var line in one.News(side))
                    await channel.AddAsync($"{HandOverWords.News} {one.Name} {line}", cancellationToken);
            }

            await channel.FlushAsync(cancellationToken);
        }
    }

    /// <summary>Takes what the other one tells, until it ends.</summary>
    public async Task HearAsync(HandOverChannel channel, CancellationToken cancellationToken)
    {
        while (await channel.ReadAsync(cancellationToken) is { } line)
        {
            if (HandOverWords.Split(line) is (HandOverWords.News, var news) && HandOverWords.Split(news) is var (name, text))
                known.FirstOrDefault(one => one.Name == name)?.Hear(side, text);
        }

        End();
        _changes.Writer.TryComplete();
        foreach (var one in known)
            one.HearEnd(side);
    }
}
