using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Control.Changes;
using SmtpShield.Control.Clients;
using SmtpShield.Control.Exempt;
using SmtpShield.Hosting;
using SmtpShield.Limits;
using SmtpShield.Options;
using SmtpShield.Options.Parameters;
using SmtpShield.PostfixConf.Parameters;

namespace SmtpShield.Control.Tuning;

/// <summary><c>/v1/parameters</c>: what the limits and times are, where each was set, and setting them on the running shield.</summary>
internal sealed class ParametersApi(
    Overrides overrides, ShieldConfigurationWatcher configuration, ClientRules rules, OverNow over, SessionsOver sessions, LimitHitsLately hits,
    ServiceScopes scopes, ClientTop top, ControlAudit audit, TimeProvider time)
{
    /// <summary>Stands for a service where the value is that of all which have none of their own.</summary>
    public const string All = "*";

    /// <summary>Parameters that one request may change.</summary>
    public const int MostNames = 20;

    private const string Service = "service";
    private const string Name = "name";
    private const int MostParameters = 1000;

    private static readonly Dictionary<string, ClientLimit> _limits =
        ClientLimits.All.ToDictionary(static limit => limit.Parameter, StringComparer.Ordinal);

    private static readonly Dictionary<string, string> _nothing = new(StringComparer.Ordinal);

    /// <summary>Adds its paths.</summary>
    public void Map(IEndpointRouteBuilder application)
    {
        application.MapGet("/v1/parameters", ListAsync);
        application.MapPost("/v1/parameters", ChangeAsync);
        application.MapPut("/v1/parameters/{service}/{name}", SetAsync);
        application.MapDelete("/v1/parameters/{service}/{name}", ResetAsync);
    }

    private async Task ListAsync(HttpContext context)
    {
        var query = ControlRequests.QueryOf(context, Service, Name);
        if (query.TryGetValue(Service, out var service))
            rules.RequireConfigured(service);
        if (query.TryGetValue(Name, out var name))
            RequireTunable(name);
        IReadOnlyList<string> services = service is null ? rules.Configured : [service];
        IReadOnlyList<string> names = name is null ? TunableParameters.Names : [name];
        var (revision, now, configured) = await configuration.LookAsync(
            (layers, revision) => (
                revision, ParameterView.Of(layers, services, names), layers.With(_nothing, () => ParameterView.Of(layers, services, names))),
            context.RequestAborted);
        var list = overrides.All;
        Tag(context, revision);
        await ControlRequests.AnswerAsync(
            context,
            new(revision, configuration.File,
                [.. now.Zip(configured).Take(MostParameters).Select(both => ParameterReport.Of(
                    both.First, both.Second, list, hits.Of(both.First.Service, both.First.Name, LimitHitsLately.Longest)))],
                now.Count > MostParameters),
            ControlJson.Default.ParameterList);
    }

    private async Task SetAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and {"value": "5", "for_s": 3600, "dry_run": false, "why": "text"}""";
        await DoAsync(context, "set", TargetOf(context), async () =>
        {
            var request = await ControlRequests.ReadChangeAsync(context, empty: null, RequestJson.Default.ParameterRequest, Remedy);
            if (request.Value is not { } value)
                throw ControlException.BadRequest("value is needed", Remedy, "value");
            return new(new Dictionary<string, string> { [WrittenName(context)] = value }, ForS: request.ForS, DryRun: request.DryRun, Why: request.Why);
        });
    }

    private async Task ResetAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and nothing, or {"dry_run": false, "why": "text"}""";
        await DoAsync(context, "reset", TargetOf(context), async () =>
        {
            var request = await ControlRequests.ReadChangeAsync(context, new ResetRequest(), RequestJson.Default.ResetRequest, Remedy);
            return new(Reset: [WrittenName(context)], DryRun: request.DryRun, Why: request.Why);
        });
    }

    private Task ChangeAsync(HttpContext context)
    {
        const string Remedy = """send Content-Type: application/json and {"set": {"NAME": "VALUE"}, "for_s": 3600}, or {"reset": ["NAME"]}, or {"to": 8}""";
        return DoAsync(context, "set", "-", async () =>
        {
            var request = await ControlRequests.ReadChangeAsync(context, empty: null, RequestJson.Default.ParametersRequest, Remedy);
            var isSet = request.Set is { Count: > 0 };
            // JSON may have null where the types have none.
            var hasNull = (request.Set?.Values.Any(static value => value is null) ?? false) || (request.Reset?.Any(static name => name is null) ?? false);
            if (hasNull || isSet == (request.Reset is { Count: > 0 } || request.To is not null) || (request.ForS is not null && !isSet))
                throw ControlException.BadRequest("the body is not what is expected", Remedy);
            return request;
        });
    }

    private async Task DoAsync(HttpContext context, string action, string target, Func<Task<ParametersRequest>> read)
    {
        ParametersRequest? tried = null;
        OverridesChange? done = null;
        IReadOnlyCollection<string> names = [];
        // Also of one that is refused; another name is only what somebody has written.
        var service = context.Request.RouteValues[Service] is string written && rules.Services.Contains(written) ? written : null;
        await audit.DoAsync(audit.Begin(context, action, target) with { Service = service }, async change =>
        {
            ControlRequests.QueryOf(context);
            var request = await read();
            if (request.DryRun)
            {
                tried = request;
                return [];
            }

            (done, names) = await ApplyAsync(context, request, change.By);
            return [.. names.Select(name => Told(change, request, name, done))];
        });
        if (tried is not null)
            (done, names) = await ApplyAsync(context, tried, "");
        else
            await top.ForgetAsync();
        Tag(context, done!.Revision);
        await ControlRequests.AnswerAsync(context, await ReportOf(done, names, tried is not null), ControlJson.Default.ParameterChanges);
    }

    // With the names, as they are written, that it was about.
    private async Task<(OverridesChange Done, IReadOnlyCollection<string> Names)> ApplyAsync(HttpContext context, ParametersRequest request, string by)
    {
        if (request.ForS is < 1 or > ExemptionsApi.Longest)
        {
            throw ControlException.BadRequest(
                "for_s is out of range", $"what is set lasts 1 to {ExemptionsApi.Longest} seconds, or until it is reset", "for_s");
        }

        var goal = request.To is { } to ? overrides.At(to) : OverrideList.Empty;
        IReadOnlyCollection<string> names = request.Set is { Count: > 0 } set ? [.. set.Keys] : [.. (request.Reset ?? []).Distinct()];
        if (names.Count > MostNames)
            throw ControlException.BadRequest($"more than {MostNames} parameters", "change them in several steps");
        foreach (var name in names)
            Require(name, request.Set?[name]);

        var now = time.GetUtcNow();
        var until = request.ForS is { } seconds ? now.AddSeconds(seconds) : (DateTimeOffset?)null;
        var done = await overrides.ChangeAsync(
            list =>
            {
                foreach (var name in names)
                {
                    list = request.Set is not null ? list.With(new(name, request.Set[name], now, until, by, ControlAudit.Shown(request.Why)))
                        : request.To is not null ? list.WithThoseOf(goal, name)
                        : list.Top(name) is not null ? list.Without(name)
                        : throw ControlException.NotFound($"{name} is not set at run time", "smtpshield limits shows where its value is from", name);
                }

                return list;
            },
            list => names = names.Count > 0 ? names : [.. goal.Names.Union(list.Names)], RevisionOf(context), request.DryRun);
        return (done, names);
    }

    private void Require(string name, string? value)
    {
        var plain = PlainName(name);
        if (ServiceParameter.TryParse(name, out var parameter))
        {
            if (value is null)
                rules.Require(parameter.Service);
            else
                rules.RequireConfigured(parameter.Service);
            if (parameter.Type != ServiceParameter.Inet)
                throw ControlException.NotFound($"no such service: {AddressText.Shown(name)}", "services are of type inet", Service);
        }

        var definition = RequireTunable(plain);
        if (value is not null && RunTimeValue.WhyNot(definition, value) is { } wrong)
            throw new ControlException(StatusCodes.Status422UnprocessableEntity, new ControlProblem(wrong.Message, wrong.Remedy, name));
    }

    private static ParameterDefinition RequireTunable(string name)
    {
        if (!ParameterCatalog.All.TryGetValue(name, out var definition))
        {
            throw ControlException.NotFound(
                $"no such parameter: {AddressText.Shown(name)}",
                NearestName.Find(name, TunableParameters.Names) is { } nearest ? $"did you mean {nearest}?" : "smtpshield limits shows those there are", Name);
        }

        return TunableParameters.Contains(name)
            ? definition
            : throw new ControlException(
                StatusCodes.Status403Forbidden,
                new ControlProblem($"{name} can't be set at run time: {TunableParameters.WhyNot(name)}", "change main.cf: smtpshield postconf -e", name));
    }

    private async Task<ParameterChanges> ReportOf(OverridesChange done, IReadOnlyCollection<string> names, bool isDryRun)
    {
        var changes = done.Before.Zip(done.After)
            .Where(both => names.Contains(both.Second.Name) || names.Contains(ServiceParameter.Write(both.Second.Service, both.Second.Name)))
            .OrderBy(both => both.Second.Name, StringComparer.Ordinal).ToList();
        var asked = changes.Where(static both => both.First.Value != both.Second.Value && _limits.ContainsKey(both.Second.Name))
            .Select(both => (both.Second.Service, Limit: _limits[both.Second.Name], Value: ValueOf(done.Options, both.Second))).ToList();
        var found = await over.FindAsync(asked);
        return new(
            done.Revision, isDryRun,
            [.. changes.Select(both => ChangeOf(done, names, both.First, both.Second) with
            {
                Over = asked.FindIndex(one => one.Service == both.Second.Service && one.Limit.Parameter == both.Second.Name) is >= 0 and var index
                    ? found[index] : null,
                OverSessions = both.First.Value == both.Second.Value ? null
                    : sessions.Of(both.Second.Service, both.Second.Name, InForceAt(both.Second.Service, done.Options)),
            })],
            [.. NotesOf(done, isDryRun), .. NotesInShadow(done, names)])
        {
            At = time.GetUtcNow(),
        };
    }

    private static ParameterChange ChangeOf(OverridesChange done, IReadOnlyCollection<string> names, ParameterView before, ParameterView after) => new(
        after.Service, after.Name, before.Value, after.Value, after.Location.Origin, after.IsOwn,
        names.Contains(after.Written) || names.Contains(before.Written))
    {
        Until = done.List.Top(after.Written)?.Until,
    };

    // By what a session that begins now would go.
    private int ValueOf(ShieldOptions options, ParameterView view) => _limits[view.Name].Value(InForceAt(view.Service, options).Limits);

    private ShieldOptions InForceAt(string service, ShieldOptions options) =>
        options.Of(service).When(scopes.Of(service).GetRequiredService<ServiceStress>().IsOn);

    private IEnumerable<string> NotesOf(OverridesChange done, bool isDryRun)
    {
        if (!isDryRun && !overrides.IsKept && done.List.All.Count > 0)
            yield return "what is set is lost when the shield is restarted: shield_state_directory is not there";
        if (!done.IsSaved)
            yield return "it is in force, but could not be written to shield_state_directory: the log says why";
    }

    private static IEnumerable<string> NotesInShadow(OverridesChange done, IReadOnlyCollection<string> names) => done.After
        .Where(view => names.Contains(view.Written) && ShadowRules.Contains(view.Name) && done.Options.Of(view.Service).Shadow.Rules.Takes(view.Name))
        .Select(static view => $"{view.Name} is in shadow at service {view.Service}: it has no effect (shield_shadow)");

    private static Change Told(Change change, ParametersRequest request, string name, OverridesChange done)
    {
        var views = done.Before.Zip(done.After).Where(both => both.First.Name == PlainName(name)).ToList();
        var both = views.Find(both => both.Second.Written == name || both.First.Written == name) is { First: not null } applies ? applies : views[0];
        var top = done.List.Top(name);
        var before = $"{both.First.Value} ({both.First.Location.Origin})";
        var after = top is null ? $"{both.Second.Value} ({both.Second.Location.Origin})"
            : top.Until is { } until ? $"{top.Value} until {OverrideLine.Text(until)}" : top.Value;
        return change with
        {
            Action = request.Set is not null ? "set" : "reset",
            Target = name,
            Service = ServiceParameter.TryParse(name, out var parameter) ? parameter.Service : null,
            Before = before,
            After = after,
            Logged = $"{after}, was {before}",
            Until = top?.Until,
            Why = ControlAudit.Shown(request.Why),
        };
    }

    private static string PlainName(string name) => ServiceParameter.TryParse(name, out var parameter) ? parameter.Name : name;

    private static string WrittenName(HttpContext context)
    {
        var (service, name) = ((string)context.Request.RouteValues[Service]!, (string)context.Request.RouteValues[Name]!);
        return service == All ? name : ServiceParameter.Write(service, name);
    }

    private static string TargetOf(HttpContext context) => AddressText.Shown(WrittenName(context));

    private static void Tag(HttpContext context, int revision) => context.Response.Headers.ETag = $"\"{revision.ToString(CultureInfo.InvariantCulture)}\"";

    private static int? RevisionOf(HttpContext context)
    {
        if (context.Request.Headers.IfMatch is not [{ } tag] || tag == All)
            return context.Request.Headers.IfMatch.Count > 1 ? throw NoRevision() : null;
        return tag is ['"', .. var number, '"'] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var revision)
            ? revision : throw NoRevision();
    }

    private static ControlException NoRevision() =>
        ControlException.BadRequest("If-Match has no revision", "send If-Match: \"9\", the revision of the answer you go by", "If-Match");
}
