namespace SmtpShield.Listening;

/// <summary>
/// One step of a connection's path. There is one instance for each service, shared by the connections of all its end points, so what belongs to a connection
/// goes into its result: what the next step requires, as a type, so that a step in the wrong place does not compile.
/// </summary>
/// <typeparam name="TConnection">What is known of the connection before.</typeparam>
/// <typeparam name="TNext">What is known of it behind.</typeparam>
internal interface IConnectionStage<TConnection, TNext>
{
    /// <summary>Does this step's part and calls <paramref name="next"/>, or does not and so ends the connection.</summary>
    Task InvokeAsync(TConnection connection, Func<TNext, Task> next);
}

/// <summary>A step that adds nothing to what is known of the connection: it lets it pass, or does not.</summary>
/// <typeparam name="TConnection">What is known of the connection.</typeparam>
internal interface IConnectionStage<TConnection> : IConnectionStage<TConnection, TConnection>;
