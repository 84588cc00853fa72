using System.Globalization;
using SmtpShield.Protocol;

namespace SmtpShield.Limits;

/// <summary>
/// What was refused to a client as a line of text, with the names of limits, kinds and verbs, so that a program of another version can read it:
/// <c>FIRST REFUSED REFUSALS OVER EVENTS REPLY</c>. Times are seconds since 1970. Refusals are <c>RULE=COUNT</c>; what refuses without a pause is
/// <c>RULE=SINCE/END</c> (<see cref="OverRun"/>); an event is <c>TIME/RULE/CODE/COUNT/LIMIT</c>, the oldest first. Lists have commas; <c>-</c> is none.
/// </summary>
/// <param name="table">Whose seconds they are.</param>
internal sealed class PastLine(AnvilTable table)
{
    private const string None = "-";
    private const int Fields = 6;

    /// <summary>Writes one.</summary>
    public string Of(PastView past) => string.Join(' ',
        UnixOf(past.First),
        Text(past.Refused),
        ListOf(past.Refusals.Select(static one => $"{NameOf(one.Kind, one.Rule, null)}={Text(one.Count)}")),
        ListOf(past.Runs.All().Select(run => $"{run.Limit.Parameter}={UnixOf(run.Since)}/{(run.Limit.IsOnOpenConnections ? Text(run.End) : UnixOf(run.End))}")),
        ListOf(past.Events.Reverse().Select(one =>
            $"{UnixOf(one.Second)}/{NameOf(one.Kind, one.Rule, one.Verb)}/{Text(one.Code)}/{Text(one.Count)}/{Text(one.Limit)}")),
        past.Reply ?? None);

    /// <summary>Reads one. What is not known here is left out.</summary>
    /// <returns>Null: it is none.</returns>
    public PastView? Read(string line)
    {
        if (line.Split(' ', Fields) is not [var first, var refused, var refusals, var over, var events, var reply]
            || !TrySecond(first, out var since) || !TryNumber(refused, out var count))
        {
            return null;
        }

        var newestFirst = ReadEvents(events).TakeLast(ClientPast.Kept).Reverse();
        return new(since, count, [.. newestFirst], [.. ReadRefusals(refusals)], OverRuns.Of(ReadRuns(over)), reply == None ? null : reply);
    }

    private IEnumerable<ClientEvent> ReadEvents(string text)
    {
        foreach (var one in text.Split(','))
        {
            if (one.Split('/') is [var time, var rule, var code, var count, var limit] && TrySecond(time, out var second) && Find(rule) is var (kind, detail)
                && ushort.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var replied) && TryNumber(count, out var counted)
                && TryNumber(limit, out var compared))
            {
                yield return new(second, kind, detail, replied, counted, compared);
            }
        }
    }

    private static IEnumerable<ClientRefusals> ReadRefusals(string text)
    {
        foreach (var one in text.Split(','))
        {
            if (one.Split('=') is [var rule, var number] && Find(rule) is var (kind, detail) && TryNumber(number, out var count))
                yield return new(kind, kind == ClientEventKind.Limit ? ClientLimits.All[detail] : null, count);
        }
    }

    private IEnumerable<OverRun> ReadRuns(string text)
    {
        foreach (var one in text.Split(','))
        {
            if (one.Split('=', '/') is [var rule, var time, var until] && ClientLimits.Find(rule) is { } limit && TrySecond(time, out var since)
                && (limit.IsOnOpenConnections ? TryNumber(until, out var end) : TrySecond(until, out end)))
            {
                yield return new((byte)ClientLimits.IndexOf(limit), since, end);
            }
        }
    }

    private static string NameOf(ClientEventKind kind, ClientLimit? rule, Verb? verb) =>
        rule?.Parameter ?? (verb is { } command ? $"{kind}:{command}" : $"{kind}");

    private static (ClientEventKind Kind, byte Detail)? Find(string name)
    {
        if (ClientLimits.Find(name) is { } limit)
            return (ClientEventKind.Limit, (byte)ClientLimits.IndexOf(limit));
        var words = name.Split(':');
        if (!Enum.TryParse(words[0], out ClientEventKind kind) || kind == ClientEventKind.Limit || !Enum.IsDefined(kind))
            return null;
        if (kind != ClientEventKind.Error)
            return (kind, 0);
        return words.Length == 2 && Enum.TryParse(words[1], out Verb verb) && Enum.IsDefined(verb) ? (kind, (byte)verb) : null;
    }

    private static string ListOf(IEnumerable<string> items) => string.Join(',', items) is { Length: > 0 } list ? list : None;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private string UnixOf(int second) => table.TimeOf(second).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private bool TrySecond(string text, out int second)
    {
        second = 0;
        if (!uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var unix))
            return false;
        second = table.SecondOf(DateTimeOffset.FromUnixTimeSeconds(unix));
        return true;
    }
}
