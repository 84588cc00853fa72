using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Diagnostics.Tracing;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;

namespace SmtpShield.FunctionalTests.Observe;

/// <summary>
/// Hears all that a process can be heard to say: every log category at every level with its values and scopes, activities, metrics, events of sockets, TLS
/// and Kestrel, exceptions, console.
/// </summary>
internal sealed class EverySink : EventListener, ILoggerProvider
{
    private static readonly string[] s_sources =
    [
        "System.Net.Security", "System.Net.Sockets", "System.Net.NameResolution", "Microsoft-AspNetCore-Server-Kestrel", "Microsoft-Extensions-Logging",
    ];

    private readonly ConcurrentQueue<string> _said = new();
    private readonly ActivityListener _activities;
    private readonly MeterListener _meters = new();
    private readonly TextWriter _output = Console.Out;
    private readonly TextWriter _error = Console.Error;
    private readonly StringWriter _console = new();

    public EverySink()
    {
        _activities = new()
        {
            ShouldListenTo = static _ => true,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => Add($"{activity.OperationName} {activity.DisplayName} {activity.StatusDescription} {Text(activity.TagObjects)} "
                + $"{string.Join(' ', activity.Events.Select(some => some.Name + Text(some.Tags)))}"),
        };
        ActivitySource.AddActivityListener(_activities);
        _meters.InstrumentPublished = static (instrument, listener) => listener.EnableMeasurementEvents(instrument);
        _meters.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Add(instrument.Name + Text(tags.ToArray())));
        _meters.SetMeasurementEventCallback<int>((instrument, _, tags, _) => Add(instrument.Name + Text(tags.ToArray())));
        _meters.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Add(instrument.Name + Text(tags.ToArray())));
        _meters.Start();
        AppDomain.CurrentDomain.FirstChanceException += OnException;
        Console.SetOut(TextWriter.Synchronized(_console));
        Console.SetError(TextWriter.Synchronized(_console));
    }

    /// <summary>All that was said so far.</summary>
    public IReadOnlyList<string> Said => [.. _said ?? [], _console?.ToString() ?? ""];

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <inheritdoc/>
    public override void Dispose()
    {
        AppDomain.CurrentDomain.FirstChanceException -= OnException;
        Console.SetOut(_output);
        Console.SetError(_error);
        _activities.Dispose();
        _meters.Dispose();
        base.Dispose();
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (s_sources.Contains(eventSource.Name))
            EnableEvents(eventSource, EventLevel.Verbose, EventKeywords.All);
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData) =>
        Add($"{eventData.EventSource.Name} {eventData.EventName} {string.Join(' ', eventData.Payload ?? (IEnumerable<object?>)[])}");

    private static string Text(IEnumerable<KeyValuePair<string, object?>> tags) => string.Concat(tags.Select(static tag => $" {tag.Key}={tag.Value}"));

    private void OnException(object? sender, FirstChanceExceptionEventArgs thrown) => Add($"{thrown.Exception.GetType().Name}: {thrown.Exception.Message} "
        + $"{Text(thrown.Exception.Data.Keys.Cast<object>().Select(key => KeyValuePair.Create($"{key}", thrown.Exception.Data[key])))}");

    // Sources are told of from the base's constructor, before there is anything to write to.
    private void Add(string text) => _said?.Enqueue(text);

    private sealed class Logger(EverySink sink, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull
        {
            sink.Add($"{category} scope {state}");
            return null;
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            sink.Add($"{category} {logLevel} {eventId} {formatter(state, exception)} "
                + $"{(state is IEnumerable<KeyValuePair<string, object?>> values ? Text(values) : "")} {exception}");
    }
}
