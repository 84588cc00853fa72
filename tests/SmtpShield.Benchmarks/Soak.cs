using System.Globalization;
using System.Net;
using SmtpShield.Testing.Attacks;
using SmtpShield.Testing.Ledger;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Tls;

namespace SmtpShield.Benchmarks;

/// <summary>
/// A shield before two Postfix, and all at once: known clients with a ledger, attacks of the catalogue in turn, MTAs that stand still or are killed, drains,
/// and reloads. Behind it nothing may be left, no mail be lost or doubled, and the memory be what it was behind a short attack.
/// </summary>
internal sealed class Soak : IAsyncDisposable
{
    private const string Recipient = "box1";
    private const int Clients = 20;
    private const int MailsInASession = 3;

    // Resident memory at the end, against that behind a first round of the same attacks: as much more is what a heap may be laid out differently.
    private const double MostGrowth = 1.25;
    private const int MostGrowthKilobytes = 16 * 1024;

    private static readonly string[] s_attacks = ["mix", "all"];
    private static readonly TimeSpan s_betweenFigures = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_firstAttack = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan s_attack = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_fault = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(3);

    // The shield's longest waits are shorter, so that nobody is told "left hanging" because the machine has too much to do.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_toBecomeQuiet = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("smtpshield-soak-").FullName;
    private readonly MailLedger _ledger = new();
    private readonly List<string> _failures = [];
    private readonly List<PostfixInstance> _mtas = [];
    private readonly long _begin = TimeProvider.System.GetTimestamp();
    private readonly TextWriter _output;
    private ShieldProcess _shield = null!;

    private Soak(TextWriter output) => _output = output;

    /// <summary>Runs it.</summary>
    /// <param name="length">For how long.</param>
    /// <param name="output">Where the figures go.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>0: all is as it was; 1: it is not, as the last lines say.</returns>
    public static async Task<int> RunAsync(TimeSpan length, TextWriter output, CancellationToken cancellationToken)
    {
        await using var soak = new Soak(output);
        await soak.StartAsync(cancellationToken);
        return await soak.RunAsync(length, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_shield is not null)
            await _shield.DisposeAsync();
        foreach (var mta in _mtas)
            await mta.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static IPEndPoint At(PostfixInstance mta) => mta.EndPointOf("behind");

    private static Task PassAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, TimeProvider.System, cancellationToken);

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var number = 0; number < 2; number++)
        {
            _mtas.Add(await PostfixInstance.StartAsync([PostfixService.WithoutLimits("behind")], cancellationToken,
                new Dictionary<string, string> { ["enable_long_queue_ids"] = "yes" }));
        }

        var chain = Path.Combine(_directory, "chain.pem");
        await File.WriteAllTextAsync(chain, TestCertificate.MakeRsa(PostfixInstance.HostName).Chain, cancellationToken);
        _shield = await ShieldProcess.StartAsync(At(_mtas[0]), new Dictionary<string, string>
        {
            ["shield_upstream"] = string.Join(", ", _mtas.Select(At)),
            ["smtpd_tls_chain_files"] = chain,
            ["smtpd_tls_security_level"] = "may",
            ["anvil_rate_time_unit"] = "60s",
            // Far from what a known client does, and far below what who reconnects at full speed does.
            ["smtpd_client_connection_rate_limit"] = "60",
            ["shield_log_client_limit"] = ShieldProcess.OwnDefault,
            ["shield_upstream_queue_time"] = "10s",
            ["shield_upstream_greeting_timeout"] = "5s",
            ["shield_upstream_reply_timeout"] = "10s",
            ["shield_upstream_data_done_timeout"] = "20s",
        }, cancellationToken);
    }

    private async Task<int> RunAsync(TimeSpan length, CancellationToken cancellationToken)
    {
        _output.WriteLine(SoakFigures.Head);
        await WithClientsAsync(s_firstAttack * s_attacks.Length, token => AttackAsync(s_firstAttack, token), cancellationToken);
        var before = await BecomeQuietAsync(static _ => true, cancellationToken);

        await WithClientsAsync(
            length,
            token => Task.WhenAll(AttackAsync(s_attack, token), LetMtasFailAsync(token), DrainAsync(token), ReloadAsync(token), ReportAsync(token)),
            cancellationToken);
        var most = (long)(before.Resident * MostGrowth) + MostGrowthKilobytes;
        var after = await BecomeQuietAsync(now => now.Resident <= most && now.MoreDescriptorsThan(before) is [], cancellationToken);

        Check(after.IsEmpty, "sessions, slots, waiters or sockets are left");
        Check(after.MoreDescriptorsThan(before) is [], $"more descriptors than before: {string.Join(", ", after.MoreDescriptorsThan(before))}");
        Check(after.Resident <= most, $"{after.Resident} kB are resident, {before.Resident} before, {most} are allowed");
        Check(!_shield.HasExited, "the shield has ended");
        _failures.AddRange(_ledger.Differences(await StoredAsync(cancellationToken)));
        await _shield.StopAsync(cancellationToken);

        foreach (var (refusal, count) in _ledger.Refusals.OrderByDescending(static refusal => refusal.Value))
            _output.WriteLine($"{count} x {refusal}");
        _output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_ledger.Acknowledged} of {_ledger.Mails.Count} mails accepted, {_ledger.Mails.Sum(static mail => mail.Unanswered)} times without an answer"));
        foreach (var failure in _failures)
            _output.WriteLine($"FAILED: {failure}");
        _output.WriteLine(_failures.Count == 0 ? "All is as it was." : $"{_failures.Count} failures.");
        return _failures.Count == 0 ? 0 : 1;
    }

    private void Check(bool holds, string otherwise)
    {
        if (!holds)
            _failures.Add(otherwise);
    }

    // What else happens ends with the time; each client then ends when its mails are accepted.
    private async Task WithClientsAsync(TimeSpan length, Func<CancellationToken, Task> happens, CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        over.CancelAfter(length);
        var clients = Enumerable.Range(0, Clients).Select(number => SendAsync(number, over.Token, cancellationToken)).ToList();
        try
        {
            await happens(over.Token);
            await PassAsync(length, over.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time is over.
        }

        await over.CancelAsync();
        await Task.WhenAll(clients);
    }

    private async Task SendAsync(int number, CancellationToken over, CancellationToken cancellationToken)
    {
        var client = new LedgerClient(
            _shield.EndPoint, new IPAddress([127, 84, 0, (byte)(1 + number)]), Recipient, _ledger, (MailManner)(number % Enum.GetValues<MailManner>().Length))
        {
            Patience = s_patience,
            BetweenTries = TimeSpan.FromSeconds(1),
        };
        while (!over.IsCancellationRequested)
        {
            await client.SendAsync(MailsInASession, cancellationToken);
            try
            {
                await PassAsync(s_pause, over);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // It was the last time.
            }
        }
    }

    private async Task AttackAsync(TimeSpan length, CancellationToken cancellationToken)
    {
        for (var number = 0; ; number++)
        {
            var attack = AttackCatalogue.All.Single(attack => attack.Name == s_attacks[number % s_attacks.Length]);
            await using var attacker = await Attacker.StartAsync(attack, _shield.EndPoint, cancellationToken);
            await attacker.BeginAsync(cancellationToken);
            await PassAsync(length, cancellationToken);
        }
    }

    // Each in turn stands still and is killed; whatever the moment at which the time is over, it goes on.
    private async Task LetMtasFailAsync(CancellationToken cancellationToken)
    {
        for (var number = 0; ; number++)
        {
            await PassAsync(s_pause, cancellationToken);
            var mta = _mtas[number / 2 % _mtas.Count];
            var isKilled = number % 2 == 0;
            if (isKilled)
                await mta.KillAsync(CancellationToken.None);
            else
                mta.StandStill();
            try
            {
                await PassAsync(s_fault, cancellationToken);
            }
            finally
            {
                if (isKilled)
                    await mta.StartAgainAsync(CancellationToken.None);
                else
                    mta.GoOn();
            }
        }
    }

    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        for (var number = 0; ; number++)
        {
            await PassAsync(s_pause + s_pause, cancellationToken);
            var mta = At(_mtas[number % _mtas.Count]);
            await OrderAsync(mta, "drain");
            try
            {
                await PassAsync(s_pause, cancellationToken);
            }
            finally
            {
                await OrderAsync(mta, "ready");
            }
        }
    }

    private async Task OrderAsync(IPEndPoint mta, string order)
    {
        var (status, body) = await ControlHttp.AskAsync(
            _shield.ControlSocket, HttpMethod.Post, $"/v1/upstreams/{mta}/{order}", CancellationToken.None, "");
        Check(status == 200, $"{order} of {mta}: {status} {body}");
    }

    private async Task ReloadAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, string>[] turns =
        [
            new() { ["shield_upstream_connect"] = "mail", ["shield_upstream_idle_release"] = "0s" },
            new() { ["shield_upstream_session_limit"] = "20", ["shield_upstream_reserve"] = "3" },
            new() { ["shield_upstream_connect"] = "connect", ["shield_upstream_session_limit"] = "50" },
            new() { ["shield_upstream_connect"] = "auto", ["shield_upstream_session_limit"] = "90", ["shield_upstream_idle_release"] = "5s" },
        ];
        for (var number = 0; ; number++)
        {
            await PassAsync(s_pause + s_fault, cancellationToken);
            await _shield.SaveAsync(turns[number % turns.Length], CancellationToken.None);
            _shield.Signal(OutsideProcess.HangUp);
        }
    }

    private async Task ReportAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await PassAsync(s_betweenFigures, cancellationToken);
            await LookAsync(cancellationToken);
        }
    }

    private async Task<SoakFigures> LookAsync(CancellationToken cancellationToken)
    {
        var figures = await SoakFigures.LookAsync(_shield, cancellationToken);
        _output.WriteLine(figures.Row(TimeProvider.System.GetElapsedTime(_begin), _ledger));
        return figures;
    }

    // Until nobody is there any more, and all is as wanted: memory is given back a while later, and a probe has a socket now and then. What there is when that
    // takes too long is what there is.
    private async Task<SoakFigures> BecomeQuietAsync(Func<SoakFigures, bool> isAsWanted, CancellationToken cancellationToken)
    {
        var since = TimeProvider.System.GetTimestamp();
        SoakFigures figures;
        do
        {
            await PassAsync(s_pause + s_pause, cancellationToken);
            figures = await SoakFigures.LookAsync(_shield, cancellationToken);
        }
        while ((!figures.IsEmpty || !isAsWanted(figures)) && TimeProvider.System.GetElapsedTime(since) < s_toBecomeQuiet);
        _output.WriteLine(figures.Row(TimeProvider.System.GetElapsedTime(_begin), _ledger));
        return figures;
    }

    private async Task<IReadOnlyList<StoredMail>> StoredAsync(CancellationToken cancellationToken)
    {
        var stored = new List<StoredMail>();
        foreach (var mta in _mtas)
        {
            await mta.WaitForEmptyQueueAsync(cancellationToken);
            stored.AddRange(await StoredMail.ReadAsync(mta.MessagesOf(Recipient), cancellationToken));
        }

        return stored;
    }
}
