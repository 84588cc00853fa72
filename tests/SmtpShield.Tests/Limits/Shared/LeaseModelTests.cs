using SmtpShield.Tests.Limits.Shared.Model;

namespace SmtpShield.Tests.Limits.Shared;

/// <summary>
/// Two shields, one client and one store, in every order of what may happen to them, as far as small budgets reach: no event is counted twice, and when faults
/// stop, three exchanges make all exact. Rules that are left out are found.
/// </summary>
[Property("Sharing", "SHARE-27")]
internal sealed class LeaseModelTests
{
    private const int MostStates = 8_000;
    private const int MostStatesOfAFault = 30_000;

    private static IEnumerable<TestCaseData> Budgets =>
    [
        new TestCaseData(new ModelBudget { Exchanges = 4, FalseDeaths = 1, Late = 1 }).SetName("a false death, a late call"),
        new TestCaseData(new ModelBudget { Failovers = 1, Late = 1 }).SetName("a failover, a late call"),
        new TestCaseData(new ModelBudget { FalseDeaths = 1, Flushes = 1, Late = 1 }).SetName("a false death, a flush, a late call"),
        new TestCaseData(new ModelBudget { Crashes = 1, FalseDeaths = 1, Late = 1 }).SetName("a crash, a false death, a late call"),
        new TestCaseData(new ModelBudget { FalseDeaths = 1, Failovers = 1 }).SetName("a false death, a failover"),
        new TestCaseData(new ModelBudget { Failovers = 1, Windows = 1 }).SetName("a failover, a window"),
        new TestCaseData(new ModelBudget { Events = 2, Crashes = 1, Losses = 1 }).SetName("two connections, a crash, a loss"),
        new TestCaseData(new ModelBudget { Events = 2, FalseDeaths = 1, Windows = 1, Late = 1 })
            .SetName("two connections, a false death, a window, a late call"),
        new TestCaseData(new ModelBudget { Events = 2, Crashes = 1, Flushes = 1, Windows = 1 }).SetName("two connections, a crash, a flush, a window"),
    ];

    // Each with the least in which it shows.
    private static IEnumerable<TestCaseData> Faults =>
    [
        Found(ModelFault.NoReaping, new() { Crashes = 1 }),
        Found(ModelFault.NoGapCheck, new() { Failovers = 1 }),
        Found(ModelFault.NoAskingAfterDeath, new() { FalseDeaths = 1 }),
        Found(ModelFault.AskedOnce, new() { FalseDeaths = 1 }),
        Found(ModelFault.NumberAtEachJoin, new() { FalseDeaths = 1 }),
        Found(ModelFault.NewsOnce, new() { Exchanges = 1, FalseDeaths = 1, Failovers = 1, Windows = 1 }),
        Found(ModelFault.OnlyWhatCounts, new() { Failovers = 1, Windows = 1 }),
        Found(ModelFault.OnlyItsOwn, new() { Crashes = 1, Flushes = 1 }),
        Found(ModelFault.Differences, new()),
    ];

    [TestCaseSource(nameof(Budgets))]
    public void Model_InEveryOrder_KeepsItsPromises(object budget)
    {
        var (states, violation) = Explore((ModelBudget)budget, ModelFault.None, MostStates);
        TestContext.Out.WriteLine($"{states} states");
        Assert.That(violation, Is.Null);
    }

    [TestCaseSource(nameof(Faults))]
    public void Model_WithoutARule_IsFoundOut(string fault, object budget)
    {
        var (states, violation) = Explore((ModelBudget)budget, Enum.Parse<ModelFault>(fault), MostStatesOfAFault);
        TestContext.Out.WriteLine($"{states} states: {violation}");
        Assert.That(violation, Is.Not.Null);
    }

    private static TestCaseData Found(ModelFault fault, ModelBudget budget) =>
        new TestCaseData(fault.ToString(), budget).SetName($"without a rule: {fault}");

    // Breadth first: what is found is the shortest story.
    private static (int States, string? Violation) Explore(ModelBudget budget, ModelFault fault, int most)
    {
        var begin = new ModelState(budget, fault);
        var (seen, waiting) = (new HashSet<string>(StringComparer.Ordinal) { begin.Key() }, new Queue<ModelState>([begin]));
        while (waiting.TryDequeue(out var state) && seen.Count < most)
        {
            foreach (var next in state.Next().Where(next => seen.Add(next.Key())))
            {
                if (next.Violation() is { } violation)
                    return (seen.Count, $"{violation}: {next.Story}");
                waiting.Enqueue(next);
            }
        }

        return (seen.Count, null);
    }
}
