using System.Collections.Concurrent;
using System.Net;
using SmtpShield.PostfixTests.ThirdParty;
using SmtpShield.Testing.Dialogues;
using SmtpShield.Testing.Outside;
using SmtpShield.Testing.Smtp;
using SmtpShield.Testing.Tls;

namespace SmtpShield.PostfixTests;

/// <summary>
/// Each dialogue in <c>Dialogues/</c> with a Postfix that has the limits, and with a shield that has them before a Postfix without
/// limits: clients must see the same replies, closes and delays, and the log must say the same, whenever the shield dials the MTA. A dialogue that is not
/// marked <c>whole-only</c> also runs with its writes cut at every place.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public sealed class DialogueTests
{
    private const string CutsService = "cuts-behind";
    private const int CutsAtATime = 12;
    private const string RateTimeUnit = "anvil_rate_time_unit";

    private static readonly IPAddress s_teacher = IPAddress.Parse("127.99.0.1");
    // Those in which the MTA refuses a client more than ten recipients: Postfix logs each.
    private static readonly HashSet<string> s_floods =
    [
        "hard-limit-19-pipelined", "hard-limit-20-pipelined", "pipelined-1000-bad-recipients", "pipelined-15-bad-recipients",
        "pipelined-good-and-bad-recipients", "reset-behind-recipients", "soft-limit-11-errors-pipelined",
    ];

    private static readonly ClientNetwork s_again = new(84);
    private static readonly ClientNetwork[] s_replays = [s_again, new(85), new(86), new(87)];
    private static readonly ClientNetwork[] s_networks = [ClientNetwork.AsWritten, .. s_replays];

    private readonly Dictionary<string, PostfixInstance> _postfixes = [];
    private readonly Dictionary<string, DialogueShields> _shields = [];
    private readonly SaslServer _sasl = new("good", "right");
    private string _chain = "";

    private static IEnumerable<DialogueFile> Dialogues =>
        Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Dialogues"), "*.dialogue").Order(StringComparer.Ordinal).Select(DialogueFile.Load);

    private static IEnumerable<TestCaseData> Whole => Dialogues.Select(dialogue => new TestCaseData(dialogue).SetArgDisplayNames(dialogue.Name));

    private static IEnumerable<TestCaseData> Split =>
        Dialogues.Where(dialogue => dialogue.WholeOnly is null).Select(dialogue => new TestCaseData(dialogue).SetArgDisplayNames(dialogue.Name));

    private PostfixInstance Postfix => _postfixes[""];

    [OneTimeSetUp]
    public async Task StartPostfix()
    {
        RealPostfix.Require();
        _chain = Path.GetTempFileName();
        await File.WriteAllTextAsync(_chain, TestCertificate.Make(PostfixInstance.HostName).Chain);
        // anvil has one anvil_rate_time_unit for all services of a Postfix.
        foreach (var unit in Dialogues.GroupBy(UnitOf))
        {
            List<PostfixService> services = unit.Key.Length > 0
                ? []
                : [new("soft-3", SoftLimit("3")), new("soft-4", SoftLimit("4")), PostfixService.WithoutLimits(CutsService)];
            services.AddRange(unit.SelectMany(ServicesOf));
            var parameters = new Dictionary<string, string>();
            if (unit.Key.Length > 0)
                parameters[RateTimeUnit] = unit.Key;
            _postfixes[unit.Key] = await PostfixInstance.StartAsync(services, TestContext.CurrentContext.CancellationToken, parameters);
            // Below the limit the log is what it is without.
            parameters["shield_log_client_limit"] = ShieldProcess.OwnDefault;
            // A thousand services would have Postfix start a hundred processes a second.
            parameters["shield_upstream_probe_interval"] = "0";
            _shields[unit.Key] = await DialogueShields.StartAsync(unit.SelectMany(ShieldServicesOf), parameters, TestContext.CurrentContext.CancellationToken);
        }

        await Parallel.ForEachAsync(Dialogues, TestContext.CurrentContext.CancellationToken, async (dialogue, token) =>
        {
            foreach (var mode in ModesOf(dialogue).Where(static mode => mode != DialMode.AtOnce))
                await TeachAsync(dialogue, _shields[UnitOf(dialogue)].EndPointOf(mode.ServiceOf(dialogue.Name)), token);
        });
    }

    // What a shield says in the MTA's place it has learned from another client.
    private static async Task TeachAsync(DialogueFile dialogue, IPEndPoint service, CancellationToken cancellationToken)
    {
        if (dialogue.Limits.Keys.Any(static name => name is "smtpd_upstream_proxy_protocol" or "smtpd_tls_wrappermode"))
            return;

        await using var client = await RawSmtpClient.ConnectAsync(service, s_teacher, cancellationToken);
        await client.ReplyAsync(cancellationToken);
        await client.CommandAsync("EHLO teacher", cancellationToken);
        if (dialogue.Steps.Any(static step => step.Kind == DialogueStepKind.StartTls)
            && (await client.CommandAsync("STARTTLS", cancellationToken)).StartsWith("220", StringComparison.Ordinal))
        {
            await client.StartTlsAsync(cancellationToken);
            await client.CommandAsync("EHLO teacher", cancellationToken);
        }

        await client.CommandAsync("QUIT", cancellationToken);
    }

    [OneTimeTearDown]
    public async Task StopPostfix()
    {
        try
        {
            foreach (var shields in _shields.Values)
                await shields.StopAsync(CancellationToken.None);
        }
        finally
        {
            await DisposeAllAsync();
        }
    }

    private async Task DisposeAllAsync()
    {
        foreach (var shields in _shields.Values)
            await shields.DisposeAsync();
        foreach (var postfix in _postfixes.Values)
            await postfix.DisposeAsync();
        await _sasl.DisposeAsync();
        if (_chain.Length > 0)
            File.Delete(_chain);
    }

    [TestCaseSource(nameof(Whole))]
    [CancelAfter(240_000)]
    public Task Run_WholeWrites_SameAsPostfix(DialogueFile dialogue, CancellationToken cancellationToken) => CompareAsync(dialogue, cancellationToken);

    /// <summary>
    /// One session with one octet per write, and for every place in every write one in which the write is cut there: all with one shield, and
    /// each must be what Postfix with one octet per write was. In one session all writes are cut behind the same number of octets, so there are as
    /// many as the longest write has places.
    /// </summary>
    [TestCaseSource(nameof(Split))]
    [CancelAfter(240_000)]
    public async Task Run_CutAtEveryPlace_SameAsPostfix(DialogueFile dialogue, CancellationToken cancellationToken)
    {
        var limited = ServiceOf(dialogue, "split-limited");
        var expected = await DialogueRunner.RunAsync(
            dialogue, Postfix.EndPointOf(limited), ClientNetwork.AsWritten.LinesOf(Postfix.LogOf(limited)), DialogueWrites.Octets, cancellationToken);
        var differences = new ConcurrentQueue<string>();
        var cuts = Enumerable.Range(1, Math.Max(0, dialogue.LongestWrite - 1))
            .Select(place => (Name: $"cut behind {place}", Writes: DialogueWrites.CutBehind(place)));
        var shields = _shields[UnitOf(dialogue)];
        foreach (var (runs, service) in cuts.Prepend(("one octet per write", DialogueWrites.Octets)).Chunk(ClientNetwork.Others.Count).Zip(CutsOf(dialogue)))
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = CutsAtATime, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(runs.Zip(ClientNetwork.Others), options, async (run, token) =>
            {
                var ((name, writes), network) = run;
                var actual = await DialogueRunner.RunAsync(dialogue, shields.EndPointOf(service), network.LinesOf(shields.LogOf(service)),
                    writes, token, network);
                if (!actual.TimelessLines.SequenceEqual(expected.TimelessLines))
                    differences.Enqueue($"{name}:\n{string.Join('\n', actual.TimelessLines)}");
            });
        }
        Assert.That(differences, Is.Empty, () => "Postfix:\n" + string.Join('\n', expected.TimelessLines));
    }

    [Test]
    public void Dialogues_All_EnoughAreCutAtEveryPlace() => Assert.That(Split.Count(), Is.GreaterThanOrEqualTo(60));

    /// <summary>The oracle must not contradict itself: run this after a change of a dialogue or of the runner.</summary>
    [Test]
    [Explicit("checks the oracle and not the shield")]
    [CancelAfter(600_000)]
    public async Task Run_EveryDialogueWithPostfixTwice_SameTranscripts(CancellationToken cancellationToken)
    {
        var differences = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(Dialogues, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
            async (dialogue, token) =>
            {
                var first = await RunPostfixAsync(dialogue, DialogueWrites.Whole, ClientNetwork.AsWritten, token);
                var second = await RunPostfixAsync(dialogue, dialogue.WholeOnly is null ? DialogueWrites.Octets : DialogueWrites.Whole, s_again, token);
                await TestContext.Out.WriteLineAsync($"{dialogue.Name}\n{string.Join('\n', first.Lines)}\n");
                if (!second.Lines.SequenceEqual(first.Lines))
                    differences.Enqueue($"{dialogue.Name}\n{Difference(first, second)}");
            });
        Assert.That(differences, Is.Empty);
    }

    /// <summary>The comparison must be able to fail.</summary>
    [Test]
    [CancelAfter(120_000)]
    public async Task Run_DifferentLimits_DifferentTranscripts(CancellationToken cancellationToken)
    {
        var dialogue = Dialogues.Single(dialogue => dialogue.Name == "soft-limit-3-sleep-2");
        var three = await DialogueRunner.RunAsync(dialogue, Postfix.EndPointOf("soft-3"), Postfix.LogOf("soft-3"), DialogueWrites.Whole, cancellationToken);
        var four = await DialogueRunner.RunAsync(dialogue, Postfix.EndPointOf("soft-4"), Postfix.LogOf("soft-4"), DialogueWrites.Whole, cancellationToken);
        Assert.That(four.Texts, Is.EqualTo(three.Texts).AsCollection);
        Assert.That(four.Lines, Is.Not.EqualTo(three.Lines).AsCollection);
    }

    private async Task CompareAsync(DialogueFile dialogue, CancellationToken cancellationToken)
    {
        var (expected, actual, seen, limit) = await RunAllAsync(dialogue, ClientNetwork.AsWritten, atOnce: true, cancellationToken);
        // A machine that stalls for half a second in a delay makes a difference of one second; a wrong delay is there again every time, also when it is played
        // one behind the other, which leaves each more of the machine.
        foreach (var network in s_replays)
        {
            if (!actual.Any(run => IsOfChance(run, expected)))
                break;
            await TestContext.Progress.WriteLineAsync(
                $"{dialogue.Name}: what hangs on the machine differed, the dialogue "
                + $"is played again:\n{string.Join('\n', actual.Select(run => Difference(expected, run)))}");
            (expected, actual, seen, limit) = await RunAllAsync(dialogue, network, atOnce: false, cancellationToken);
        }
        Assert.Multiple(() =>
        {
            foreach (var (run, mode) in actual.Zip(ModesOf(dialogue)))
            {
                Assert.That(run.Entries, Is.EqualTo(expected.Entries).AsCollection, () => $"what the clients saw, {mode}:\n" + Difference(expected, run));
                Assert.That(run.Log, Is.EqualTo(expected.Log).AsCollection, $"what was logged about the session, {mode}");
                Assert.That(run.Rejects, Is.EqualTo(expected.Rejects).AsCollection, $"what was logged about refused commands, {mode}");
            }
            foreach (var verb in new[] { "mail", "rcpt", "data", "bdat", "vrfy", "etrn" })
                Assert.That(seen.GetValueOrDefault(verb), Is.LessThanOrEqualTo(limit.GetValueOrDefault(verb)),
                    $"{verb} commands the MTA had to process, compared with a Postfix that has the limits");
        });

        // Who talks before the greeting is in time for a Postfix, which starts a process first; the shield may have greeted already.
        bool IsOfChance(Transcript run, Transcript expected) => dialogue.IsBegunByTheClient
            ? !run.Entries.SequenceEqual(expected.Entries) || !run.Log.SequenceEqual(expected.Log)
            : run.Texts.SequenceEqual(expected.Texts) && !run.Entries.SequenceEqual(expected.Entries);
    }

    private async Task<(Transcript Expected, Transcript[] Actual, IReadOnlyDictionary<string, int> Seen, IReadOnlyDictionary<string, int> Limit)> RunAllAsync(
        DialogueFile dialogue, ClientNetwork network, bool atOnce, CancellationToken cancellationToken)
    {
        var (postfix, shields) = (PostfixOf(dialogue), _shields[UnitOf(dialogue)]);
        var limited = postfix.LogOf(ServiceOf(dialogue, "limited")).FromHere();
        var behind = postfix.LogOf(ServiceOf(dialogue, "behind")).FromHere();
        IEnumerable<Func<Task<Transcript>>> players =
        [
            () => RunPostfixAsync(dialogue, DialogueWrites.Whole, network, cancellationToken),
            .. ModesOf(dialogue).Select(mode => mode.ServiceOf(dialogue.Name)).Select(service => (Func<Task<Transcript>>)(() => DialogueRunner.RunAsync(
                dialogue, shields.EndPointOf(service), shields.LogOf(service).FromHere(), DialogueWrites.Whole, cancellationToken, network,
                () => [shields.ProcessOf(service)]))),
        ];
        var playing = new List<Task<Transcript>>();
        foreach (var player in players)
        {
            playing.Add(player());
            if (!atOnce)
                await playing[^1];
        }
        var transcripts = await Task.WhenAll(playing);
        await behind.WaitForQuietAsync(cancellationToken);
        return (transcripts[0], transcripts[1..], behind.CommandsSeen(), limited.CommandsSeen());
    }

    private Task<Transcript> RunPostfixAsync(DialogueFile dialogue, DialogueWrites writes, ClientNetwork network, CancellationToken cancellationToken)
    {
        var service = ServiceOf(dialogue, "limited");
        var postfix = PostfixOf(dialogue);
        return DialogueRunner.RunAsync(dialogue, postfix.EndPointOf(service), postfix.LogOf(service).FromHere(), writes, cancellationToken, network,
            postfix.AcceptingProcesses);
    }

    private Dictionary<string, string> LimitsOf(DialogueFile dialogue, IReadOnlyCollection<ClientNetwork> networks) =>
        ClientNetwork.LocalizeAll(dialogue.Limits, networks)
            .ToDictionary(limit => limit.Key, limit => limit.Value.Replace("{chain}", _chain, StringComparison.Ordinal));

    private Dictionary<string, string> MtaOf(DialogueFile dialogue) =>
        dialogue.Mta.ToDictionary(parameter => parameter.Key,
            parameter => parameter.Value.Replace("{sasl}", _sasl.Parameters["smtpd_sasl_path"], StringComparison.Ordinal));

    private PostfixInstance PostfixOf(DialogueFile dialogue) => _postfixes[UnitOf(dialogue)];

    private static IReadOnlyList<DialMode> ModesOf(DialogueFile dialogue) => dialogue.AtOnceOnly is null ? DialMode.All : [DialMode.AtOnce];

    private static string UnitOf(DialogueFile dialogue) => dialogue.Limits.GetValueOrDefault(RateTimeUnit, "");

    private static string ServiceOf(DialogueFile dialogue, string part) => $"{dialogue.Name}-{part}";

    // Both ways to play a dialogue have services of their own, because anvil counts for each service by itself and remembers; who
    // plays it once more is another client.
    private IEnumerable<PostfixService> ServicesOf(DialogueFile dialogue)
    {
        foreach (var mode in ModesOf(dialogue))
            yield return PostfixService.WithoutLimits(ServiceOf(dialogue, mode.ServiceOf("behind")), MtaOf(dialogue));
        var limited = Union(MtaOf(dialogue), LimitsOf(dialogue, s_networks));
        yield return new(ServiceOf(dialogue, "limited"), limited);
        if (dialogue.WholeOnly is not null)
            yield break;

        yield return new(ServiceOf(dialogue, "split-limited"), limited);
        if (dialogue.Mta.Count > 0)
            yield return PostfixService.WithoutLimits(ServiceOf(dialogue, CutsService), MtaOf(dialogue));
    }

    private static KeyValuePair<string, string> WholeLog => new("shield_log_client_limit", "0");

    private IEnumerable<ShieldService> ShieldServicesOf(DialogueFile dialogue)
    {
        var postfix = PostfixOf(dialogue);
        var whole = LimitsOf(dialogue, s_networks);
        if (s_floods.Contains(dialogue.Name))
            whole = whole.Append(WholeLog).ToDictionary();
        foreach (var mode in ModesOf(dialogue))
            yield return new(mode.ServiceOf(dialogue.Name), postfix.EndPointOf(ServiceOf(dialogue, mode.ServiceOf("behind"))),
                Union(mode.Parameters, OfService(whole, "20")));
        if (dialogue.WholeOnly is not null)
            yield break;

        var behind = postfix.EndPointOf(dialogue.Mta.Count > 0 ? ServiceOf(dialogue, CutsService) : CutsService);
        foreach (var service in CutsOf(dialogue))
        {
            // Many runs at a time fill the log of all clients together, and half of the MTA's sessions.
            var cuts = LimitsOf(dialogue, ClientNetwork.Others).Append(WholeLog).ToDictionary();
            if (dialogue.AtOnceOnly is not null)
                cuts["shield_upstream_connect"] = "connect";
            yield return new(service, behind, OfService(cuts, "80"));
        }

        // All sessions that a process may have must fit into its descriptors; and a service that has all it may have is under stress.
        static Dictionary<string, string> OfService(Dictionary<string, string> limits, string sessions) =>
            limits.Where(limit => limit.Key != RateTimeUnit).Append(new("default_process_limit", sessions)).ToDictionary();
    }

    // One service for as many runs as there are networks for their clients.
    private static IEnumerable<string> CutsOf(DialogueFile dialogue) =>
        Enumerable.Range(1, (Math.Max(1, dialogue.LongestWrite) + ClientNetwork.Others.Count - 1) / ClientNetwork.Others.Count)
            .Select(number => ServiceOf(dialogue, $"cuts-{number}"));

    private static string Difference(Transcript expected, Transcript actual) =>
        $"--- expected (Postfix with the limits)\n{string.Join('\n', expected.Lines)}\n--- actual (the shield with the "
            + $"limits)\n{string.Join('\n', actual.Lines)}\n---";

    private static Dictionary<string, string> SoftLimit(string limit) => new() { ["smtpd_soft_error_limit"] = limit, ["smtpd_error_sleep_time"] = "2s" };

    private static Dictionary<string, string> Union(IReadOnlyDictionary<string, string> first, IReadOnlyDictionary<string, string> second)
    {
        var union = new Dictionary<string, string>(first);
        foreach (var (name, value) in second)
            union[name] = value;
        return union;
    }
}
