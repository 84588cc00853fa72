using System.Globalization;
using System.Net;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf;
using SmtpShield.PostfixConf.Files;
using SmtpShield.PostfixConf.Lists;
using SmtpShield.PostfixConf.Parameters;
using SmtpShield.PostfixConf.Patterns;
using SmtpShield.PostfixConf.Values;

namespace SmtpShield.Options.Binding;

/// <summary>
/// Turns the expanded text of a parameter into the type of its option. The words of its errors are those of Postfix's <c>global/mail_conf_*.c</c>.
/// </summary>
/// <param name="problems">Receives what is wrong.</param>
/// <param name="files">Reads the files that values name.</param>
internal sealed class ParameterReader(ICollection<ConfigurationProblem> problems, ConfigurationFiles files)
{
    // The same value of several services and states is read once: it may be a list of a million elements.
    private readonly Dictionary<(Type Type, string Owner, string Text), object> _read = [];

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

    private static readonly Dictionary<string, TlsSecurityLevel> TlsSecurityLevels = new(StringComparer.OrdinalIgnoreCase)
    {
        [""] = TlsSecurityLevel.None,
        ["none"] = TlsSecurityLevel.None,
        ["may"] = TlsSecurityLevel.May,
        ["encrypt"] = TlsSecurityLevel.Encrypt,
    };

    private static readonly Dictionary<string, UpstreamTlsSecurityLevel> UpstreamTlsSecurityLevels = new(StringComparer.OrdinalIgnoreCase)
    {
        ["none"] = UpstreamTlsSecurityLevel.None,
        ["may"] = UpstreamTlsSecurityLevel.May,
        ["encrypt"] = UpstreamTlsSecurityLevel.Encrypt,
        ["verify"] = UpstreamTlsSecurityLevel.Verify,
    };

    private static readonly Dictionary<string, ClientHandoff> ClientHandoffs = new(StringComparer.OrdinalIgnoreCase)
    {
        ["none"] = ClientHandoff.None,
        ["proxy-v1"] = ClientHandoff.ProxyV1,
        ["proxy-v2"] = ClientHandoff.ProxyV2,
        ["xclient"] = ClientHandoff.Xclient,
        ["transparent"] = ClientHandoff.Transparent,
    };

    private static readonly Dictionary<string, UpstreamConnect> UpstreamConnects = new(StringComparer.OrdinalIgnoreCase)
    {
        ["auto"] = UpstreamConnect.Auto,
        ["connect"] = UpstreamConnect.Connect,
        ["mail"] = UpstreamConnect.Mail,
    };

    private static readonly Dictionary<string, BanAction> BanActions = new(StringComparer.OrdinalIgnoreCase)
    {
        ["refuse"] = BanAction.Refuse,
        ["reset"] = BanAction.Reset,
    };

    private static readonly Dictionary<string, SharingMode> SharingModes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["async"] = SharingMode.Async,
        ["near"] = SharingMode.Near,
        ["strict"] = SharingMode.Strict,
    };

    private static readonly Dictionary<string, TransportChoice> TransportChoices = new(StringComparer.OrdinalIgnoreCase)
    {
        ["auto"] = TransportChoice.Auto,
        ["epoll"] = TransportChoice.Epoll,
        ["sockets"] = TransportChoice.Sockets,
    };

    private static readonly Dictionary<string, UpstreamProxyProtocol> UpstreamProxyProtocols = new(StringComparer.Ordinal)
    {
        [""] = UpstreamProxyProtocol.None,
        ["haproxy"] = UpstreamProxyProtocol.Haproxy,
    };

    private static readonly Dictionary<string, UpstreamPolicy> UpstreamPolicies = new(StringComparer.OrdinalIgnoreCase)
    {
        ["least-sessions"] = UpstreamPolicy.LeastSessions,
        ["round-robin"] = UpstreamPolicy.RoundRobin,
        ["first"] = UpstreamPolicy.First,
        ["client"] = UpstreamPolicy.Client,
    };

    private static readonly Dictionary<string, ProxyUnknownPolicy> ProxyUnknownPolicies = new(StringComparer.OrdinalIgnoreCase)
    {
        ["accept"] = ProxyUnknownPolicy.Accept,
        ["refuse"] = ProxyUnknownPolicy.Refuse,
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
            return ReadOnce(definition, text, () => AddressPatternListParser.Parse(text, definition.Name, location, problems, files));
        if (type == typeof(IReadOnlyList<string>))
            return ReadOnce(definition, text, () => ListTokenizer.Split(text));
        if (type == typeof(IReadOnlyList<IPEndPoint>))
            return ReadList<IPEndPoint>(definition, text, location, TryReadEndpoint, "write address:port or [IPv6 address]:port");
        if (type == typeof(IReadOnlyList<UpstreamAddress>))
            return ReadList<UpstreamAddress>(definition, text, location, TryReadUpstream, "write host:port, address:port or [IPv6 address]:port");
        if (type == typeof(ForbiddenCommands))
            return ReadOnce(definition, text, () => ReadForbiddenCommands(definition, text, location));
        if (type == typeof(RateWindow))
            return ReadChoice(definition, text, location, RateWindows);
        if (type == typeof(BanAction))
            return ReadChoice(definition, text, location, BanActions);
        if (type == typeof(BareNewlinePolicy))
            return ReadChoice(definition, text, location, BareNewlinePolicies, "; no would let a second message be smuggled past the shield");
        if (type == typeof(TlsSecurityLevel))
            return ReadChoice(definition, text, location, TlsSecurityLevels);
        if (type == typeof(UpstreamTlsSecurityLevel))
            return ReadChoice(definition, text, location, UpstreamTlsSecurityLevels);
        if (type == typeof(ClientHandoff))
            return ReadChoice(definition, text, location, ClientHandoffs);
        if (type == typeof(UpstreamConnect))
            return ReadChoice(definition, text, location, UpstreamConnects);
        if (type == typeof(SharingMode))
            return ReadChoice(definition, text, location, SharingModes);
        if (type == typeof(TransportChoice))
            return ReadChoice(definition, text, location, TransportChoices);
        if (type == typeof(UpstreamProxyProtocol))
            return ReadChoice(definition, text, location, UpstreamProxyProtocols);
        if (type == typeof(UpstreamPolicy))
            return ReadChoice(definition, text, location, UpstreamPolicies);
        if (type == typeof(ProxyUnknownPolicy))
            return ReadChoice(definition, text, location, ProxyUnknownPolicies);
        if (type == typeof(TlsVersions))
            return ReadTlsVersions(definition, text, location);
        if (type == typeof(ShadowList))
            return ReadOnce(definition, text, () => ReadShadowList(definition, text, location));
        throw new NotSupportedException($"{definition.Name}: no reader for {type}");
    }

    private object? ReadOnce(ParameterDefinition definition, string text, Func<object?> read)
    {
        // What one service has of its own is a mistake of its own, and named again.
        var key = (definition.ValueType, ServiceParameter.TryParse(definition.Name, out _) ? definition.Name : "", text);
        if (!_read.TryGetValue(key, out var value) && read() is { } made)
            _read[key] = value = made;
        return value;
    }

    private object? ReadInteger(ParameterDefinition definition, string text, SourceLocation location)
    {
        var hint = $"write a whole number of at least {Math.Max(definition.Minimum, 0)}";
        if (!int.TryParse(text.AsSpan().TrimStart(Ascii.Space), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
            return Fail(definition, location, $"bad numerical configuration: {definition.Name} = {text}", hint);
        if (value < definition.Minimum)
            return Fail(definition, location, $"invalid {definition.Name} parameter value {value} < {definition.Minimum}", hint);
        return value > definition.Maximum
            ? Fail(definition, location, $"invalid {definition.Name} parameter value {value} > {definition.Maximum}",
                $"write a whole number of at most {definition.Maximum}")
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
            return Fail(definition, location, $"parameter {definition.Name}: bad time value or unit: {text}",
                "write a whole number and one of s, m, h, d, w, as in 30s");
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
            problems.Add(
                ConfigurationProblem.Warning(location, definition.Name, $"{definition.Name}: {twice.Key} is listed more than once", "keep one of them"));
        var mayBeEmpty = definition.DefaultText is "";
        if (words.Count == 0 && !mayBeEmpty)
            Fail(definition, location, $"bad string length 0 < 1: {definition.Name} =", hint);
        return (items.Count > 0 || mayBeEmpty) && items.Count == words.Count ? items : null;
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
            : Fail(definition, location, $"bad parameter value: {definition.Name} = {text}",
                $"write one of {string.Join(", ", choices.Keys.Where(choice => choice.Length > 0))}{reason}");

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

    private ShadowList? ReadShadowList(ParameterDefinition definition, string text, SourceLocation location) => new ShadowListReader(
        (parameter, value) => Read(parameter, value, location),
        (message, hint) => Fail(definition, location, $"{definition.Name}: {message}", hint)).Read(text);

    private object? ReadTlsVersions(ParameterDefinition definition, string text, SourceLocation location)
    {
        if (!TlsVersionsParser.TryParse(text, out var versions, out var reason))
            return Fail(definition, location, $"{definition.Name}: {reason}",
                "write >=TLSv1.2, >=TLSv1.3, or names with ! in front: !SSLv2, !SSLv3, !TLSv1, !TLSv1.1");
        if (versions.NamesOlder)
            problems.Add(new(ProblemSeverity.Note, location, definition.Name,
                $"{definition.Name} = {text} also allows TLS 1.0 or 1.1, which the shield does not speak", "write >=TLSv1.2"));
        return versions;
    }

    private object? Fail(ParameterDefinition definition, SourceLocation location, string message, string hint)
    {
        problems.Add(ConfigurationProblem.Error(location, definition.Name, message, hint));
        return null;
    }
}
