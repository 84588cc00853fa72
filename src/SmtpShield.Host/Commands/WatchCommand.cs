using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using SmtpShield.Control;
using SmtpShield.Control.Banning;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Events;

namespace SmtpShield.Host.Commands;

/// <summary><c>smtpshield watch</c>: what happens on a running shield, a line each, until it stops.</summary>
internal static class WatchCommand
{
    // A line of the log for each session, and numbers each second, are for who asks for them.
    private static readonly StreamTopics _usual = StreamTopics.All.Without(StreamTopic.Stats).Without(StreamTopic.Log);

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var options = new ControlArguments();
        var words = Enum.GetValues<StreamTopic>().Select(static topic => topic.Word()).ToArray();
        var topics = new Argument<string[]>("topic")
        {
            Description = $"What to watch: {string.Join(", ", words)}. All but stats and log, if none is given.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        topics.AcceptOnlyFromAmong(words);
        var service = new Option<string?>("--service") { Description = "Only what is about this service, or about none.", HelpName = "name" };
        var command = new Command("watch", "Print what happens on the running shield, a line each, until it stops.") { topics, service };
        options.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            if (arguments.GetValue(service) is not { } name)
                return await RunAsync(options, arguments, arguments.GetValue(topics) ?? [], service: null, cancellationToken);
            // One there is not would never have an event.
            var status = await new ControlQuestion(options).AskForStepAsync(
                arguments, HttpMethod.Get, ResourceQuery.Of("v1/status", ("service", name)), change: null, static _ => { }, cancellationToken);
            return status != ControlQuestion.Done ? status
                : await RunAsync(options, arguments, arguments.GetValue(topics) ?? [], name, cancellationToken);
        });
        return command;
    }

    /// <summary>Whether an event is about a service, or about none.</summary>
    /// <param name="json">What it says.</param>
    /// <param name="service">The service.</param>
    public static bool IsOf(string json, string service)
    {
        using var document = JsonDocument.Parse(json);
        return !document.RootElement.TryGetProperty("service", out var its) || its.GetString() == service;
    }

    /// <summary>An event as a line.</summary>
    /// <param name="topic">Its name.</param>
    /// <param name="json">What it says.</param>
    /// <param name="output">Where times are written as there.</param>
    public static string LineOf(string topic, string json, PlainOutput output)
    {
        using var document = JsonDocument.Parse(json);
        var at = document.RootElement.TryGetProperty("at", out var time) && time.TryGetDateTimeOffset(out var known) ? output.Time(known) : PlainOutput.Nothing;
        if (document.RootElement.TryGetProperty("more", out var more))
            return $"{at}  {topic}  and {more} more";
        return $"{at}  {topic}  " + topic switch
        {
            "limited" or "released" => TextOf(Read(json, ControlJson.Default.ClientStreamEvent)),
            "ban" or "unban" => TextOf(Read(json, ControlJson.Default.BanReport), output),
            "change" => TextOf(Read(json, ControlJson.Default.Change)),
            "upstream" => TextOf(Read(json, ControlJson.Default.UpstreamEvent)),
            "stress" => TextOf(Read(json, ControlJson.Default.StressEvent)),
            "log" => TextOf(Read(json, ControlJson.Default.LogEvent)),
            "stats" => TextOf(Read(json, ControlJson.Default.StatsEvent)),
            // Of a newer shield.
            _ => json,
        };
    }

    private static async Task<int> RunAsync(
        ControlArguments options, ParseResult arguments, string[] topics, string? service, CancellationToken cancellationToken)
    {
        var writer = arguments.InvocationConfiguration.Output;
        var output = new PlainOutput(writer, options.ZoneOf(arguments));
        var error = new PlainOutput(arguments.InvocationConfiguration.Error, options.ZoneOf(arguments));
        var (path, whyNot) = options.SocketOf(arguments);
        if (whyNot.Length > 0)
        {
            error.Line($"smtpshield: {whyNot}");
            return ControlQuestion.Refused;
        }

        using var shield = new ControlClient(path);
        var words = topics.Length > 0 ? topics : [.. Enum.GetValues<StreamTopic>().Where(_usual.Contains).Select(static topic => topic.Word())];
        var (answer, events) = await shield.WatchAsync(ResourceQuery.Of("v1/events", ("topics", string.Join(',', words))), cancellationToken);
        if (events is null)
        {
            error.Line($"smtpshield: {(answer is { } refused ? ControlQuestion.WhyNot(refused.Text) : ControlQuestion.NobodyAt(path))}");
            return answer is null ? ControlQuestion.NoShield : ControlQuestion.Refused;
        }

        try
        {
            await foreach (var (topic, id, json) in events)
            {
                if (topic == "bye")
                {
                    error.Line("smtpshield: the shield stops");
                    return ControlQuestion.Done;
                }

                if (service is not null && !IsOf(json, service))
                    continue;
                if (options.IsJson(arguments))
                    await writer.WriteLineAsync($$"""{"event":"{{topic}}",{{(id.Length > 0 ? $"\"id\":\"{id}\"," : "")}}"data":{{json}}}""");
                else if (topic == "gap")
                    error.Line($"smtpshield: {TextOf(Read(json, ControlJson.Default.EventGap))}");
                else
                    output.Line(LineOf(topic, json, output));
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException or JsonException)
        {
            // As one that ends without a word.
        }

        error.Line("smtpshield: the shield has ended the stream");
        return ControlQuestion.NoShield;
    }

    private static T Read<T>(string json, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(json, type) ?? throw new JsonException();

    private static string TextOf(ClientStreamEvent happened)
    {
        var what = happened.Rule is { } rule ? $"  {rule}" : "";
        var count = happened.Count is { } counted ? $"  {Number(counted)}{(happened.Limit is { } limit ? $" of {Number(limit)}" : "")}" : "";
        return $"{happened.Service}  {happened.Client}{what}{count}{(happened.Code is { } code ? $"  {Number(code)}" : "")}";
    }

    private static string TextOf(BanReport ban, PlainOutput output)
    {
        var what = ban.State == BanReport.Active ? $"until {output.Time(ban.Until)}" : ban.State;
        var reason = BansCommand.ReasonOf(ban);
        return $"{ban.Prefix}  {what}{(reason.Length > 0 ? $"  {reason}" : "")}{(ban.Refused is > 0 and var refused ? $"  {Number(refused)} refused" : "")}";
    }

    private static string TextOf(Change change) => $"{change.Action}  {change.Target}  {change.By}: {ChangesCommand.WhatOf(change)}";

    private static string TextOf(UpstreamEvent upstream) =>
        $"{upstream.Service}  {upstream.Name}  {(upstream.Was is { } was ? $"{was} -> " : "")}{upstream.State}"
        + (upstream.Reason is { Length: > 0 } reason ? $": {reason}" : "");

    private static string TextOf(StressEvent stress) => $"{stress.Service}  {(stress.Stress ? "on" : "off")}";

    private static string TextOf(LogEvent line) => $"{line.Process}: {(line.Level == "information" ? "" : $"{line.Level}: ")}{line.Text}";

    private static string TextOf(StatsEvent stats) =>
        string.Join("  ", stats.Values.Select(static value => $"{value.Key}={value.Value.ToString("0.######", CultureInfo.InvariantCulture)}"));

    private static string TextOf(EventGap gap) => gap.Lost is { } lost ? $"{lost} events are missing here" : "events are missing here";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
