using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace SmtpShield.Observe;

/// <summary>Adds the mail log to the program's logging.</summary>
internal static class MaillogExtensions
{
    /// <summary>
    /// Adds <see cref="MaillogLoggerProvider"/>, and <see cref="EventLogProvider"/> beside it, which can also be asked for by their types, to be reopened.
    /// Needs a <see cref="Options.ShieldSnapshot"/> among the services.
    /// </summary>
    public static ILoggingBuilder AddMaillog(this ILoggingBuilder logging)
    {
        logging.Services.TryAddSingleton(TimeProvider.System);
        logging.Services.TryAddSingleton<MaillogLoggerProvider>();
        logging.Services.AddSingleton<ILoggerProvider>(static services => services.GetRequiredService<MaillogLoggerProvider>());
        logging.Services.TryAddSingleton<EventLogProvider>();
        logging.Services.AddSingleton<ILoggerProvider>(static services => services.GetRequiredService<EventLogProvider>());
        return logging;
    }
}
