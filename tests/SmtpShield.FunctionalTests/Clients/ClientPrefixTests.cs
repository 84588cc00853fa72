using System.Net;
using SmtpShield.Testing;
using SmtpShield.Testing.Smtp;

namespace SmtpShield.FunctionalTests.Clients;

/// <summary>Two addresses of 127.0.0.0/8, which all are this host's: one client or two, by <c>smtpd_client_ipv4_prefix_length</c>.</summary>
[CancelAfter(20_000)]
internal sealed class ClientPrefixTests
{
    [TestCase(32, "220 mx")]
    [TestCase(24, "421 4.7.0 mail.example.com Error: too many connections from 127.0.0.2")]
    public async Task Connect_SecondAddressOfTheNetwork_SharesTheCountWithinThePrefix(int prefixLength, string reply, CancellationToken cancellationToken)
    {
        await using var mta = new ScriptedMta();
        var options = ShieldUnderTest.Before(mta);
        await using var shield = await ShieldUnderTest.StartAsync(
            options with { Anvil = options.Anvil with { ClientIPv4PrefixLength = prefixLength },
                Limits = options.Limits with { ClientConnectionCountLimit = 1 } }, cancellationToken);
        await using var first = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse("127.0.0.1"), cancellationToken);
        await GreetAsync(mta, cancellationToken);
        Assert.That(await first.ReplyAsync(cancellationToken), Is.EqualTo("220 mx"));

        await using var second = await RawSmtpClient.ConnectAsync(shield.EndPoint, IPAddress.Parse("127.0.0.2"), cancellationToken);
        _ = GreetAsync(mta, cancellationToken);

        Assert.That(await second.ReplyAsync(cancellationToken), Is.EqualTo(reply));
    }

    private static async Task GreetAsync(ScriptedMta mta, CancellationToken cancellationToken) =>
        await (await mta.AcceptAsync(cancellationToken)).SendAsync("220 mx\r\n", cancellationToken);
}
