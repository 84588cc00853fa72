using System.CommandLine;

namespace SmtpShield.Benchmarks;

/// <summary><c>soak</c>: whether a shield is after a long time under load, attacks, faults, drains and reloads what it was before.</summary>
internal static class SoakCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var seconds = new Option<int>("--seconds")
        {
            Description = "For how long; the attacks that are measured against, before it, and the quiet at its end come on top.",
            DefaultValueFactory = static _ => 600,
        };
        seconds.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
                result.AddError("--seconds: one at least.");
        });
        var command = new Command("soak", "Sends mail through a shield before two Postfix while it is attacked and reloaded, its MTAs fail and are drained.")
        {
            seconds,
        };
        command.SetAction((arguments, cancellationToken) => Soak.RunAsync(TimeSpan.FromSeconds(arguments.GetValue(seconds)), Console.Out, cancellationToken));
        return command;
    }
}
