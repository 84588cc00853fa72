using SmtpShield.Options;
using SmtpShield.Protocol;

namespace SmtpShield.Mta.Learned;

/// <summary>What MTAs say to a client like this one: what is known of it, and where what they say now is noted.</summary>
/// <param name="learned">All that is known.</param>
/// <param name="service">The service the client uses.</param>
/// <param name="options">Its options.</param>
/// <param name="isInTls">Whether the client is inside TLS.</param>
/// <param name="destinations">The MTAs that may be dialed now.</param>
internal sealed class MtaMemory(LearnedMtas learned, string service, ShieldOptions options, bool isInTls, Func<IEnumerable<string>> destinations)
{
    /// <summary>What may be said in the place of whichever MTA is dialed; null: not all of them are known.</summary>
    public MtaPromise? Recall() =>
        destinations().Select(KeyOf).ToArray() is { Length: > 0 } keys ? learned.PromiseOf(keys) : null;

    /// <summary>What they say to HELP; null: not known.</summary>
    public Reply? RecallHelp() => destinations().FirstOrDefault() is { } first ? learned.Of(KeyOf(first))?.Help : null;

    /// <summary>An MTA has greeted the client with 220.</summary>
    public void NoteGreeting(string destination, ReadOnlySpan<byte> greeting) => learned.Of(KeyOf(destination))?.NoteGreeting(greeting);

    /// <summary>An MTA has answered the client's EHLO with 250.</summary>
    /// <returns>What it offers.</returns>
    public EhloOffer NoteEhlo(string destination, ReadOnlySpan<byte> reply) =>
        learned.Of(KeyOf(destination))?.NoteEhlo(reply) ?? EhloOffer.Parse(reply);

    /// <summary>An MTA has answered HELP.</summary>
    public void NoteHelp(string destination, int code, ReadOnlySpan<byte> reply) => learned.Of(KeyOf(destination))?.NoteHelp(code, reply);

    /// <summary>An MTA is not what it was.</summary>
    public void Forget(string destination) => learned.Of(KeyOf(destination))?.Forget();

    private LearnedKey KeyOf(string destination) => LearnedKey.Of(service, destination, options, isInTls);
}
