using System.Net;
using SmtpShield.Clients;
using SmtpShield.Mta.Policies;

namespace SmtpShield.Tests.Mta;

/// <summary>What each policy makes of a thousand sessions.</summary>
[Property("Pool", "POOL-1")]
public class PolicyTests
{
    private const int Sessions = 1000;

    [Test]
    public void LeastSessions_WeightsOneAndTwo_HaveAThirdAndTwo()
    {
        int[] sessions = [0, 0];
        var policy = new LeastSessions();
        for (var i = 0; i < Sessions; i++)
            sessions[policy.Pick([new("a", 0, 1, sessions[0]), new("b", 1, 2, sessions[1])], Client(i))]++;

        Assert.That(sessions[0], Is.EqualTo(Sessions / 3).Within(1));
    }

    [Test]
    public void LeastSessions_Equals_EachInItsTurn()
    {
        var policy = new LeastSessions();

        var picks = Enumerable.Range(0, 6).Select(i => policy.Pick([new("a", 0, 1, 0), new("b", 1, 1, 0), new("c", 2, 1, 0)], Client(i))).ToList();

        Assert.That(picks.Take(3), Is.EquivalentTo([0, 1, 2]).And.EqualTo(picks.Skip(3)));
    }

    [Test]
    public void RoundRobin_WeightsOneAndTwo_AreMixed()
    {
        var policy = new RoundRobin();

        var picks = string.Concat(Enumerable.Range(0, 9).Select(i => policy.Pick([new("a", 0, 1, 5), new("b", 1, 2, 9)], Client(i))));

        Assert.That(picks, Is.EqualTo("101101101"));
    }

    [Test]
    public void First_AsLongAsItIsThere_HasAll()
    {
        var policy = new First();

        Assert.That(policy.Pick([new("b", 1, 1, 0), new("a", 0, 1, 80), new("c", 2, 9, 0)], Client(1)), Is.EqualTo(1));
        Assert.That(policy.Pick([new("c", 2, 9, 0), new("b", 1, 1, 0)], Client(1)), Is.EqualTo(1));
    }

    [Test]
    public void ByClient_OneOfFiveGoes_OnlyItsClientsMove()
    {
        var policy = new ByClient();
        Candidate[] all = [.. Enumerable.Range(0, 5).Select(static i => new Candidate($"mta{i}:25", i, 1, 0))];

        var (moved, others) = (0, 0);
        for (var i = 0; i < Sessions; i++)
        {
            var (before, after) = (all[policy.Pick(all, Client(i))], all[policy.Pick(all.AsSpan()[..4], Client(i))]);
            if (before == all[4])
                moved++;
            else if (before != after)
                others++;
        }

        Assert.That((moved, others), Is.EqualTo((moved, 0)));
        Assert.That(moved, Is.EqualTo(Sessions / 5).Within(60));
    }

    [Test]
    public void ByClient_WeightsOneAndTwo_HaveAThirdAndTwo()
    {
        var policy = new ByClient();

        var first = Enumerable.Range(0, Sessions).Count(i => policy.Pick([new("a:25", 0, 1, 0), new("b:25", 1, 2, 0)], Client(i)) == 0);

        Assert.That(first, Is.EqualTo(Sessions / 3).Within(60));
    }

    private static ClientRange Client(int number) => ClientRange.Of(new IPAddress([10, 0, (byte)(number >> 8), (byte)number]), 32, 64);
}
