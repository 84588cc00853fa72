using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Listening;

namespace SmtpShield.Tests.Listening;

public class ConnectionPathTests
{
    [Test]
    public async Task Then_Stages_RunInOrderOnWhatTheOneBeforeHasFoundAndOnceMadeForThePath()
    {
        var trace = new List<string>();
        await using var services = new ServiceCollection().AddSingleton(trace).BuildServiceProvider();
        var builder = new ConnectionBuilder(services);
        builder.Begin().Then<Outer>().Then<Inner, string>().End<Handler>();
        var path = builder.Build();
        await using var connection = new InMemoryConnection();

        await path(connection);
        await path(connection);

        Assert.That(trace, Is.EqualTo(new[] { "made", "outer", "inner", "end of found", "left", "outer", "inner", "end of found", "left" }));
    }

    [Test]
    public void Then_RegisteredStage_IsTheService()
    {
        var stage = new Inner([]);
        using var services = new ServiceCollection().AddSingleton(stage).BuildServiceProvider();

        Assert.That(() => new ConnectionBuilder(services).Begin().Then<Inner, string>(), Throws.Nothing);
    }

    private sealed class Outer : IConnectionStage<ConnectionContext>
    {
        private readonly List<string> _trace;

        public Outer(List<string> trace)
        {
            _trace = trace;
            trace.Add("made");
        }

        public async Task InvokeAsync(ConnectionContext connection, Func<ConnectionContext, Task> next)
        {
            _trace.Add("outer");
            await next(connection);
            _trace.Add("left");
        }
    }

    private sealed class Inner(List<string> trace) : IConnectionStage<ConnectionContext, string>
    {
        public Task InvokeAsync(ConnectionContext connection, Func<string, Task> next)
        {
            trace.Add("inner");
            return next("found");
        }
    }

    private sealed class Handler(List<string> trace) : IConnectionHandler<string>
    {
        public Task OnConnectedAsync(string connection)
        {
            trace.Add($"end of {connection}");
            return Task.CompletedTask;
        }
    }
}
