using System.Globalization;
using System.Net;
using System.Text;
using SmtpShield.Host.Import;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Host.Switching;

/// <summary>
/// <c>smtpshield import --apply</c>: takes Postfix's place on its ports, step by step. A step that fails, or a signal, ends it, and everything is put
/// back: at its end either the shield serves clients and relays for no stranger, or Postfix does as before.
/// </summary>
internal sealed class Switchover
{
    // PROXY protocol version 2, which the configuration asks for.
    private static readonly Version s_oldestPostfix = new(3, 5);
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_checkLimit = TimeSpan.FromSeconds(60);

    private readonly ImportResult _import;
    private readonly SwitchoverOptions _options;
    private readonly TextWriter _output;
    private readonly TimeProvider _time;
    private readonly PostfixControl _postfix;
    private readonly List<IPEndPoint> _front;
    private readonly List<IPEndPoint> _inner;

    private SwitchoverBackup? _backup;
    private string _queueDirectory = "";
    private bool _isEdited;
    private bool _isStarted;

    /// <summary>Prepares one.</summary>
    /// <param name="files">Postfix's files.</param>
    /// <param name="import">What is made of them.</param>
    /// <param name="options">How.</param>
    /// <param name="output">Says what is done, a line a step.</param>
    /// <param name="time">The clock of the limits.</param>
    public Switchover(PostfixFiles files, ImportResult import, SwitchoverOptions options, TextWriter output, TimeProvider time)
    {
        (_import, _options, _output, _time) = (import, options, output, time);
        _postfix = new PostfixControl(files.Directory, time);
        _front = [.. import.Services.SelectMany(EndPointsOf)];
        _inner = [.. import.Services.Select(service => IPEndPoint.Parse(service.Inner.Address))];
    }

    private IReadOnlyList<(string Name, Func<CancellationToken, Task<string>> RunAsync)> Steps =>
    [
        ($"back up to {SwitchoverBackup.DirectoryOf(_postfix.ConfigurationDirectory)}", BackUpAsync),
        ($"write {_options.Target}", WriteAsync),
        ($"check it as user {_options.User}", CheckAsync),
        ($"edit {_postfix.MasterCf}", EditAsync),
        ("postfix check, postfix reload", ReloadAsync),
        ($"start the shield: {_options.Start}", StartAsync),
        ($"ask {string.Join(", ", _front)} for a greeting and for relaying", AskAsync),
    ];

    /// <summary>Does it.</summary>
    /// <param name="cancellationToken">Ends it: everything is put back.</param>
    /// <returns>Why it failed; empty on success.</returns>
    public async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (await WhyNotAsync(cancellationToken) is { Length: > 0 } reason)
            return $"{reason}; nothing was changed";
        foreach (var (name, step) in Steps)
        {
            _output.WriteLine(name);
            var failure = await TryAsync(step, cancellationToken);
            if (failure.Length > 0)
                return await GiveUpAsync(failure);
        }
        return "";
    }

    private static async Task<string> TryAsync(Func<CancellationToken, Task<string>> step, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            return await step(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return "interrupted";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ConfigurationText.Reason(exception);
        }
    }

    private async Task<string> GiveUpAsync(string failure)
    {
        if (_backup is null)
            return $"{failure}; nothing was changed";
        _output.WriteLine($"failed: {failure}");
        _output.WriteLine("putting everything back");
        var left = await new PutBack(_backup, _output, _time).RunAsync(_isEdited, _isStarted);
        return left.Count == 0
            ? $"{failure}; everything was put back"
            : $"{failure}; and not everything could be put back: {string.Join("; ", left)}. "
                + $"The copies are in {SwitchoverBackup.DirectoryOf(_postfix.ConfigurationDirectory)}";
    }

    private async Task<string> WhyNotAsync(CancellationToken cancellationToken)
    {
        if (SwitchoverBackup.Exists(_postfix.ConfigurationDirectory))
            return $"{SwitchoverBackup.DirectoryOf(_postfix.ConfigurationDirectory)}: is applied already; take it back first: "
                + $"smtpshield import --undo {_postfix.ConfigurationDirectory}";
        if (!Environment.IsPrivilegedProcess)
            return "Postfix can only be told by root: run the command as root";
        if (_import.Services.FirstOrDefault(service => service.Service.Front is null || service.Listen.Length == 0) is { } unknown)
            return $"{_postfix.MasterCf}: where the service {unknown.Service.Name} listens is not known; switch by hand";
        var version = await _postfix.ValueAsync("mail_version", cancellationToken);
        if (!Version.TryParse(version.Split('-')[0], out var known) || known < s_oldestPostfix)
            return $"Postfix {version} does not read PROXY headers of version 2 (mail_version, {s_oldestPostfix} or later); switch by hand, "
                + "with shield_client_handoff = proxy-v1";
        _queueDirectory = await _postfix.ValueAsync("queue_directory", cancellationToken);
        if (PostfixControl.MasterIn(_queueDirectory) is not { } master)
            return $"Postfix does not run (no master(8) works in {_queueDirectory}): start it first";
        foreach (var endPoint in _front)
        {
            var holders = ListeningSocket.HoldersOf(endPoint);
            if (holders.Count == 0)
                return $"nothing listens on {endPoint}, where Postfix's files say it does: let it read them first (postfix reload)";
            if (!holders.Contains(master))
                return $"{endPoint} is not Postfix's: {string.Join(", ", holders.Select(ListeningSocket.Describe))} listens there";
        }
        return "";
    }

    private Task<string> BackUpAsync(CancellationToken cancellationToken)
    {
        (_backup, var failure) = SwitchoverBackup.Make(_postfix.ConfigurationDirectory, _options, _queueDirectory, _front);
        return Task.FromResult(failure);
    }

    private Task<string> WriteAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_options.Target)!);
        var content = Encoding.UTF8.GetBytes(_import.Text);
        return Task.FromResult(
            File.Exists(_options.Target) ? FileReplacement.TryChange(_options.Target, _ => content) : FileReplacement.TryCreate(_options.Target, content));
    }

    // The program itself, as the user the shield runs as: whatever it can't read or bind then, it could not later.
    private async Task<string> CheckAsync(CancellationToken cancellationToken)
    {
        var ids = new List<string>();
        foreach (var option in (string[])["-u", "-g"])
        {
            var id = await OutsideCommand.RunAsync(["id", option, _options.User], s_checkLimit, _time, cancellationToken);
            if (id.Status != 0)
                return id.FailureOf($"user {_options.User}");
            ids.Add(id.Output);
        }
        string[] words =
        [
            "HOME=/", "DOTNET_EnableDiagnostics=0", "setpriv", "--reuid", ids[0], "--regid", ids[1], "--init-groups", .. OwnProgram.Words, "check", "-c",
            _options.Target,
        ];
        return (await OutsideCommand.RunAsync(words, s_checkLimit, _time, cancellationToken)).FailureOf($"smtpshield check as {_options.User}");
    }

    private async Task<string> EditAsync(CancellationToken cancellationToken)
    {
        var before = await File.ReadAllBytesAsync(_postfix.MasterCf, cancellationToken);
        var (after, failure) = await _postfix.EditedMasterCfAsync(_import.Services.SelectMany(service => service.Inner.Edits), cancellationToken);
        if (failure.Length > 0)
            return failure;
        failure = FileReplacement.TryChange(_postfix.MasterCf, now => now.AsSpan().SequenceEqual(before) ? after : now);
        if (failure.Length > 0)
            return failure;
        return (await File.ReadAllBytesAsync(_postfix.MasterCf, cancellationToken)).AsSpan().SequenceEqual(after)
            ? _backup!.RememberResult()
            : $"{_postfix.MasterCf}: changed by someone else meanwhile";
    }

    private async Task<string> ReloadAsync(CancellationToken cancellationToken)
    {
        if (await _postfix.RunAsync("check", cancellationToken) is { Length: > 0 } wrong)
            return wrong;
        _isEdited = true;
        if (await _postfix.RunAsync("reload", cancellationToken) is { Length: > 0 } failure)
            return failure;
        int? Master() => PostfixControl.MasterIn(_queueDirectory);
        bool HasMoved() => Master() is { } master && _inner.TrueForAll(endPoint => ListeningSocket.HoldersOf(endPoint).Contains(master));
        bool IsFree() => !_front.Exists(ListeningSocket.IsTaken);
        await Waiting.ForAsync(() => Master() is null || (HasMoved() && IsFree()), _options.Wait, _time, cancellationToken);
        if (Master() is null)
            return "Postfix ended when it read its files; its log says why";
        if (!HasMoved())
            return $"Postfix does not listen on {string.Join(", ", _inner)} {Seconds} after the reload; its log says why";
        // Postfix ends the processes of a service that is gone; one that does not end holds the port.
        return IsFree() ? "" : $"{string.Join(", ", _front.Where(ListeningSocket.IsTaken))} is not free {Seconds} after the reload: "
            + $"{string.Join(", ", _front.SelectMany(ListeningSocket.HoldersOf).Distinct().Select(ListeningSocket.Describe))}";
    }

    private string Seconds => string.Create(CultureInfo.InvariantCulture, $"{_options.Wait.TotalSeconds:0} s");

    private async Task<string> StartAsync(CancellationToken cancellationToken)
    {
        _isStarted = true;
        var outcome = await OutsideCommand.RunAsync(["sh", "-c", _options.Start], s_startLimit, _time, cancellationToken);
        if (outcome.Status != 0)
            return outcome.FailureOf(_options.Start);
        return await Waiting.ForAsync(() => _front.TrueForAll(ListeningSocket.IsTaken), _options.Wait, _time, cancellationToken)
            ? ""
            : $"nothing listens on {string.Join(", ", _front.Where(endPoint => !ListeningSocket.IsTaken(endPoint)))} {Seconds} after: {_options.Start}";
    }

    private async Task<string> AskAsync(CancellationToken cancellationToken)
    {
        foreach (var service in _import.Services)
        {
            foreach (var endPoint in EndPointsOf(service))
            {
                if (await AskFrontAsync(service, endPoint, cancellationToken) is { Length: > 0 } failure)
                    return failure;
            }
            var inner = IPEndPoint.Parse(service.Inner.Address);
            var stranger = await RelayQuestion.AskAsync(inner, RelayQuestion.HeaderFor(inner), isWrapped: false, _options.Wait, _time, cancellationToken);
            if (stranger.IsRelayed)
                return $"{service.Service.Name}: Postfix would relay mail of a stranger ({RelayQuestion.Stranger}) to elsewhere: {stranger.Reply}";
            if (!stranger.IsRefused)
                return $"{service.Service.Name}: Postfix does not say on {inner} whether it relays for a stranger: {Said(stranger)}";
            _output.WriteLine($"  {service.Service.Name}: a stranger's mail to elsewhere is refused: {stranger.Reply}");
        }
        return "";
    }

    private async Task<string> AskFrontAsync(ShieldedService service, IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        // Where a load balancer says who the client is, this one says it is a stranger; elsewhere it is this host itself, which mynetworks may trust.
        var header = service.Service.HasProxyInFront ? RelayQuestion.HeaderFor(endPoint) : "";
        var target = new IPEndPoint(endPoint.Address.Equals(IPAddress.Any)
            ? IPAddress.Loopback : endPoint.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : endPoint.Address, endPoint.Port);
        var start = _time.GetTimestamp();
        RelayAnswer answer;
        do
            answer = await RelayQuestion.AskAsync(target, header, service.Service.IsWrapped, _options.Wait, _time, cancellationToken);
        while (!answer.IsGreeted && _time.GetElapsedTime(start) < _options.Wait && await PauseAsync(cancellationToken));
        if (!answer.IsGreeted)
            return $"{service.Service.Name}: no greeting on {target}: {Said(answer)}";
        if (header.Length > 0 && answer.IsRelayed)
            return $"{service.Service.Name}: mail of a stranger ({RelayQuestion.Stranger}) to elsewhere is taken on {target}: {answer.Reply}";
        if (!answer.IsRelayed && !answer.IsRefused)
            return $"{service.Service.Name}: no reply on {target} to mail for elsewhere: {Said(answer)}";
        _output.WriteLine($"  {service.Service.Name}: {target} greets: {answer.Greeting}; "
            + $"mail of this host to elsewhere{(answer.IsRelayed ? " is taken (mynetworks)" : "")}: {answer.Reply}");
        return "";
    }

    private async Task<bool> PauseAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(200), _time, cancellationToken);
        return true;
    }

    private static string Said(RelayAnswer answer) => answer.Failure.Length > 0
        ? answer.Failure
        : answer.Reply.Length > 0 ? answer.Reply : answer.Greeting.Length > 0 ? answer.Greeting : "the connection was closed";

    private static IEnumerable<IPEndPoint> EndPointsOf(ShieldedService service) =>
        service.Listen.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(IPEndPoint.Parse);
}
