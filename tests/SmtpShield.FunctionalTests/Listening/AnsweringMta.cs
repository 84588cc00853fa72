using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Listening;

/// <summary>An MTA that answers every line with 250.</summary>
internal static class AnsweringMta
{
    /// <summary>Starts it.</summary>
    public static ScriptedMta Start()
    {
        var mta = new ScriptedMta();
        mta.Serve(static async connection =>
        {
            await connection.SendAsync("220 mta.example.test ESMTP\r\n", CancellationToken.None);
            while (await connection.ReadLineAsync(CancellationToken.None) is not null)
                await connection.SendAsync("250 Ok\r\n", CancellationToken.None);
        });
        return mta;
    }
}
