using Microsoft.Extensions.DependencyInjection;
using SmtpShield.Options;

namespace SmtpShield.Hosting;

/// <summary>
/// A scope for each service of <c>shield_services</c>: what is registered as scoped exists once for each of them and is made with its
/// <see cref="ShieldService"/>. Scopes last as long as the program.
/// </summary>
internal sealed class ServiceScopes(IServiceProvider root) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, IServiceScope> _scopes = new(StringComparer.Ordinal);

    /// <summary>What exists for a service.</summary>
    /// <param name="service">Its name.</param>
    public IServiceProvider Of(string service)
    {
        lock (_gate)
        {
            if (!_scopes.TryGetValue(service, out var scope))
            {
                scope = root.CreateScope();
                scope.ServiceProvider.GetRequiredService<Holder>().Service = new(service, root.GetRequiredService<ShieldSnapshot>());
                _scopes.Add(service, scope);
            }

            return scope.ServiceProvider;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var scope in _scopes.Values)
            scope.Dispose();
    }

    /// <summary>What makes a scope that of its service.</summary>
    internal sealed class Holder
    {
        /// <summary>The service; null outside the scope of one.</summary>
        public ShieldService? Service { get; set; }
    }
}
