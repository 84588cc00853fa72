using System.Net;
using System.Text.Json;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests.Faults;

/// <summary>Clients under way through a shield, and what a fault has at hand.</summary>
/// <param name="shield">The shield.</param>
/// <param name="clients">The clients.</param>
/// <param name="mails">How many mails each sends.</param>
/// <param name="ledger">What they write down.</param>
/// <param name="standstill">Where they stand.</param>
/// <param name="cancellationToken">The test's.</param>
internal sealed class LedgerRun(
    ShieldProcess shield, IReadOnlyList<LedgerClient> clients, int mails, MailLedger ledger, Standstill standstill, CancellationToken cancellationToken)
{
    // All waits in here come to an end much sooner, unless something is wrong: then the ledger says what.
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(60);
    private readonly Task _sent = Task.WhenAll(clients.Select(client => client.SendAsync(mails, cancellationToken)));

    /// <summary>The shield.</summary>
    public ShieldProcess Shield { get; set; } = shield;

    /// <summary>The ledger.</summary>
    public MailLedger Ledger => ledger;

    /// <summary>Waits until so many clients have come to their stage.</summary>
    public Task UntilStandingAsync(int count) => UntilAsync(() => standstill.Standing >= count, "the clients have come to their stages");

    /// <summary>Lets the clients go on.</summary>
    public void GoOn() => standstill.GoOn();

    /// <summary>Waits until each client waits for a reply.</summary>
    public Task UntilAllWaitAsync() => UntilAsync(() => ledger.Waiting == clients.Count, "all clients wait for a reply");

    /// <summary>Waits until each client that was not done was told to come again.</summary>
    public Task UntilAllAreRefusedAsync() => UntilAsync(() => clients.All(static client => client.Refusals > 0), "all clients were told something");

    /// <summary>Waits until all mails are acknowledged.</summary>
    public async Task UntilSentAsync()
    {
        if (await Task.WhenAny(_sent, Task.Delay(s_longest, TimeProvider.System, cancellationToken)) == _sent)
            await _sent;
    }

    /// <summary>Takes an MTA out, or back.</summary>
    public async Task OrderAsync(IPEndPoint mta, string order)
    {
        var (status, body) = await ControlHttp.AskAsync(Shield.ControlSocket, HttpMethod.Post, $"/v1/upstreams/{mta}/{order}", cancellationToken, "");
        Assert.That(status, Is.EqualTo(200), body);
    }

    /// <summary>Waits until the shield counts so many sessions at an MTA, and nobody who waits for one.</summary>
    public async Task UntilSessionsAsync(IPEndPoint mta, int count)
    {
        var seen = "";
        await UntilAsync(async () =>
        {
            using var answer = await AskAsync($"/v1/upstreams?name={mta}");
            seen = answer.RootElement.GetProperty("upstreams").GetRawText();
            return answer.RootElement.GetProperty("upstreams").EnumerateArray().All(
                upstream => upstream.GetProperty("sessions").GetInt32() == count && upstream.GetProperty("waiting").GetInt32() == 0);
        }, () => $"{count} sessions at {mta}, none waiting: {seen}");
    }

    /// <summary>Saves other parameters, and waits until they are in force.</summary>
    public async Task ReloadAsync(Dictionary<string, string> parameters)
    {
        var before = await GenerationAsync();
        await Shield.SaveAsync(parameters, cancellationToken);
        Shield.Signal(OutsideProcess.HangUp);
        await UntilAsync(async () => await GenerationAsync() > before, static () => "the configuration is in force");
    }

    private async Task<int> GenerationAsync()
    {
        using var answer = await AskAsync("/v1/status");
        return answer.RootElement.GetProperty("configuration").GetProperty("generation").GetInt32();
    }

    private async Task<JsonDocument> AskAsync(string resource) =>
        JsonDocument.Parse((await ControlHttp.AskAsync(Shield.ControlSocket, HttpMethod.Get, resource, cancellationToken)).Body);

    private Task UntilAsync(Func<bool> condition, string what) => Eventually.HoldsAsync(condition, s_longest, what, cancellationToken);

    private async Task UntilAsync(Func<Task<bool>> condition, Func<string> what)
    {
        var isMet = false;
        var begin = TimeProvider.System.GetTimestamp();
        while (!isMet)
        {
            if (TimeProvider.System.GetElapsedTime(begin) > s_longest)
                Assert.Fail(what());
            await Eventually.TryAsync(static () => false, TimeSpan.FromMilliseconds(20), cancellationToken);
            isMet = await condition();
        }
    }
}
