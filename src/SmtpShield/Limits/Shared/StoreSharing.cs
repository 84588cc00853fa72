using Microsoft.Extensions.Hosting;
using SmtpShield.Options;

namespace SmtpShield.Limits.Shared;

/// <summary>Shares over the stores of <c>shield_shared_store</c>, for as long as there are any: each time with other terms a period begins anew.</summary>
/// <param name="works">What is shared.</param>
/// <param name="snapshot">The options.</param>
/// <param name="stores">Makes the stores.</param>
internal sealed class StoreSharing(IEnumerable<ISharedWork> works, ShieldSnapshot snapshot, SharedStores stores) : BackgroundService
{
    private readonly ISharedWork[] _works = [.. works];

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = snapshot.GetChangeToken();
            if (SharingTerms.Of(snapshot) is { AreShared: true } terms)
                await ShareAsync(terms, stoppingToken);
            else
                await SharingTerms.ChangeAsync(changed, stoppingToken);
        }
    }

    private async Task ShareAsync(SharingTerms terms, CancellationToken stopping)
    {
        await using var period = new SharingPeriod(snapshot.Current.Sharing, stores);
        using var over = new CancellationTokenSource();
        var all = Task.WhenAll(_works.Select(work => work.ShareAsync(period, over.Token)));
        while (!stopping.IsCancellationRequested)
        {
            var changed = snapshot.GetChangeToken();
            if (SharingTerms.Of(snapshot) != terms)
                break;
            await SharingTerms.ChangeAsync(changed, stopping);
        }

        await over.CancelAsync();
        await all;
    }
}
