using System.Globalization;
using System.Net;
using SmtpShield.Configuration.Parameters;
using SmtpShield.Configuration.Patterns;

namespace SmtpShield.Configuration.Binding;

/// <summary>Turns the expanded text of a parameter into the type of its option. The words of its errors are those of Postfix's <c>global/mail_conf_*.c</c>.</summary>
/// <param name="problems">Receives what is wrong.</param>
/// <param name="files">Receives the files that values name.</param>
internal sealed class ParameterReader(ICollection<ConfigurationProblem> problems, ICollection<string> files)
{
    private delegate bool TryRead<T>(string word, out T item);

    private static readonly Dictionary<string, RateWindow> RateWindows = new(StringComparer.OrdinalIgnoreCase)
    {
        ["fixed"] = RateWindow.Fixed,
        ["sliding"] = RateWindow.Sliding,
    };

    // Postfix's normalize, yes and note accept the same ends of mail data as guard; its "no" accepts all of them, which is what the shield is there to prevent.
    private static readonly Dictionary<string, BareNewlinePolicy> BareNewlinePolicies = new(StringComparer.OrdinalIgnoreCase)
    {
        ["guard"] = BareNewlinePolicy.Guard,
        ["normalize"] = BareNewlinePolicy.Guard,
        ["yes"] = BareNewlinePolicy.Guard,
        ["note"] = BareNewlinePolicy.Guard,
        ["reject"] = BareNewlinePolicy.Reject,
    };

    /// <summary>Reads a value.</summary>
    /// <returns>The value; null after an error.</returns>
    public object? Read(ParameterDefinition definition, string text, SourceLocation location)
    {
        var type = definition.ValueType;
        if (type == typeof(string))
            return text;
        if (type == typeof(int))
            return ReadInteger(definition, text, location);
        if (type == typeof(bool))
            return ReadBoolean(definition, text, location);
        if (type == typeof(TimeSpan))
            return ReadTime(definition, text, location);
        if (type == typeof(AddressPatternList))
            return AddressPatternListParser.Parse(text, definition.Name, location, problems, files);
        if (type == typeof(IReadOnlyList<string>))
            return ListTokenizer.Split(text);
        if (type == typeof(IReadOnlyList<IPEndPoint>))
            return ReadList<IPEndPoint>(definition, text, location, TryReadEndpoint, "write address:port or [IPv6 address]:port");
        if (type == typeof(IReadOnlyList<UpstreamAddress>))
            return ReadList<UpstreamAddress>(definition, text, location, TryReadUpstream, "write host:port, address:port or [IPv6 address]:port");
        if (type == typeof(ForbiddenCommands))
            return ReadForbiddenCommands(definition, text, location);
        if (type == typeof(RateWindow))
            return ReadChoice(definition, text, location, RateWindows);
        if (type == typeof(BareNewlinePolicy))
            return ReadChoice(definition, text, location, BareNewlinePolicies, "; no would let a second message be smuggled past the shield");
        throw new NotSupportedException($"{definition.Name}: no reader for {type}");
    }

    private object? ReadInteger(ParameterDefinition definition, string text, SourceLocation location)
    {
        var hint = $"write a whole number of at least {Math.Max(definition.Minimum, 0)}";
        if (!int.TryParse(text.AsSpan().TrimStart(Ascii.Space), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
            return Fail(definition, location, $"bad numerical configuration: {definition.Name} = {text}", hint);
        if (value < definition.Minimum)
            return Fail(definition, location, $"invalid {definition.Name} parameter value {value} < {definition.Minimum}", hint);
        return value > definition.Maximum
            ? Fail(definition, location, $"invalid {definition.Name} parameter value {value} > {definition.Maximum}", $"write a whole number of at most {definition.Maximum}")
            : value;
    }

    private object? ReadBoolean(ParameterDefinition definition, string text, SourceLocation location)
    {
        if (text.Equals("yes", StringComparison.OrdinalIgnoreCase))
            return true;
        return text.Equals("no", StringComparison.OrdinalIgnoreCase)
            ? false
            : Fail(definition, location, $"bad boolean configuration: {definition.Name} = {text}", "write yes or no");
    }

    private object? ReadTime(ParameterDefinition definition, string text, SourceLocation location)
    {
        if (!PostfixTime.TryParse(text, definition.TimeUnit, out var seconds))
            return Fail(definition, location, $"parameter {definition.Name}: bad time value or unit: {text}", "write a whole number and one of s, m, h, d, w, as in 30s");
        if (seconds < definition.Minimum)
            return Fail(definition, location, $"invalid {definition.Name}: {seconds} (min {definition.Minimum})", "");
        return seconds > definition.Maximum
            ? Fail(definition, location, $"invalid {definition.Name}: {seconds} (max {definition.Maximum})", "")
            : TimeSpan.FromSeconds(seconds);
    }

    private List<T>? ReadList<T>(ParameterDefinition definition, string text, SourceLocation location, TryRead<T> tryRead, string hint)
    {
        var words = ListTokenizer.Split(text);
        var items = new List<T>();
        foreach (var word in words)
        {
            if (tryRead(word, out var item))
                items.Add(item);
            else
                Fail(definition, location, $"{definition.Name}: bad endpoint: {word}", hint);
        }
        foreach (var twice in words.GroupBy(word => word).Where(group => group.Count() > 1))
            problems.Add(ConfigurationProblem.Warning(location, definition.Name, $"{definition.Name}: {twice.Key} is listed more than once", "keep one of them"));
        if (words.Count == 0)
            Fail(definition, location, $"bad string length 0 < 1: {definition.Name} =", hint);
        return items.Count > 0 && items.Count == words.Count ? items : null;
    }

    // Port 0, any free port, is for tests and demonstrations.
    private static bool TryReadEndpoint(string word, out IPEndPoint endpoint)
    {
        var isEndpoint = HostAndPort.TryParse(word, out var host, out var port) & AddressBits.TryParse(host, out var address);
        endpoint = new IPEndPoint(address, port);
        return isEndpoint;
    }

    private static bool TryReadUpstream(string word, out UpstreamAddress upstream)
    {
        var isEndpoint = HostAndPort.TryParse(word, out var host, out var port) && port > 0;
        upstream = new UpstreamAddress(host, port);
        return isEndpoint;
    }

    private object? ReadChoice<T>(ParameterDefinition definition, string text, SourceLocation location, Dictionary<string, T> choices, string reason = "")
        where T : struct =>
        choices.TryGetValue(text, out var choice)
            ? choice
            : Fail(definition, location, $"bad parameter value: {definition.Name} = {text}", $"write one of {string.Join(", ", choices.Keys)}{reason}");

    private object? ReadForbiddenCommands(ParameterDefinition definition, string text, SourceLocation location)
    {
        try
        {
            return ForbiddenCommandsParser.Parse(text);
        }
        catch (FormatException exception)
        {
            return Fail(definition, location, $"{definition.Name}: {exception.Message}", "");
        }
    }

    private object? Fail(ParameterDefinition definition, SourceLocation location, string message, string hint)
    {
        problems.Add(ConfigurationProblem.Error(location, definition.Name, message, hint));
        return null;
    }
}
