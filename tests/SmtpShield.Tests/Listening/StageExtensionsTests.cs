using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Listening;

namespace SmtpShield.Tests.Listening;

public class StageExtensionsTests
{
    [Test]
    public async Task UseStage_TwoStages_RunInOrderAndOnceMadeForTheEndpoint()
    {
        var trace = new List<string>();
        await using var services = new ServiceCollection().AddSingleton(trace).BuildServiceProvider();
        var pipeline = new ConnectionBuilder(services).UseStage<Outer>().UseStage<Inner>().Run(_ =>
        {
            trace.Add("end");
            return Task.CompletedTask;
        }).Build();
        await using var connection = new InMemoryConnection();

        await pipeline(connection);
        await pipeline(connection);

        Assert.That(trace, Is.EqualTo(new[] { "made", "outer", "inner", "end", "outer", "inner", "end" }));
    }

    [Test]
    public void UseStage_RegisteredStage_IsTheService()
    {
        var stage = new Inner([]);
        using var services = new ServiceCollection().AddSingleton(stage).BuildServiceProvider();

        Assert.That(() => new ConnectionBuilder(services).UseStage<Inner>(), Throws.Nothing);
    }

    private sealed class Outer : IConnectionStage
    {
        private readonly List<string> _trace;

        public Outer(List<string> trace)
        {
            _trace = trace;
            trace.Add("made");
        }

        public Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
        {
            _trace.Add("outer");
            return next(connection);
        }
    }

    private sealed class Inner(List<string> trace) : IConnectionStage
    {
        public Task InvokeAsync(ConnectionContext connection, ConnectionDelegate next)
        {
            trace.Add("inner");
            return next(connection);
        }
    }
}
