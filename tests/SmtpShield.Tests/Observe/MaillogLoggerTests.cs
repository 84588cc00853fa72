using Microsoft.Extensions.Logging;
using SmtpShield.Observe;

namespace SmtpShield.Tests.Observe;

public partial class MaillogLoggerTests
{
    [Test]
    public void Log_ExceptionAtError_IsOneLine() => Assert.That(Logged(l => Log.Failed(l, Thrown())), Has.Length.EqualTo(1));

    [Test]
    public void Log_ExceptionAtDebug_HasItsStackInLinesOfTheirOwn()
    {
        var lines = Logged(l => Log.Detail(l, Thrown()));

        Assert.That(lines[0].Text, Is.EqualTo("detail"));
        Assert.That(lines[1].Text, Does.Contain(nameof(Thrown)));
    }

    [Test]
    public void Log_NoneLevel_IsOff()
    {
        using var sink = new ListSink();
        using var writer = new MaillogWriter(sink, TimeProvider.System);

        Assert.That(new MaillogLogger(writer, TimeProvider.System, "SmtpShield.Tests").IsEnabled(LogLevel.None), Is.False);
    }

    private static MaillogLine[] Logged(Action<ILogger> log)
    {
        using var sink = new ListSink();
        using (var writer = new MaillogWriter(sink, TimeProvider.System))
            log(new MaillogLogger(writer, TimeProvider.System, "SmtpShield.Tests"));
        return [.. sink.Lines];
    }

    private static InvalidOperationException Thrown()
    {
        try
        {
            throw new InvalidOperationException("x");
        }
        catch (InvalidOperationException e)
        {
            return e;
        }
    }

    private sealed class ListSink : IMaillogSink
    {
        public List<MaillogLine> Lines { get; } = [];

        public ValueTask<int> WriteAsync(ReadOnlyMemory<MaillogLine> lines, CancellationToken cancellationToken)
        {
            Lines.AddRange(lines.Span);
            return ValueTask.FromResult(lines.Length);
        }

        public void Dispose()
        {
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "failed")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(2, LogLevel.Debug, "detail")]
        public static partial void Detail(ILogger logger, Exception exception);
    }
}
