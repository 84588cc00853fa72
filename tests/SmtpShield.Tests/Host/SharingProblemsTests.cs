using System.Net;
using System.Net.Sockets;
using SmtpShield.Host.Commands;
using SmtpShield.Options;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Host;

/// <summary>What <c>smtpshield check</c> says of a configuration that shares counters.</summary>
internal sealed class SharingProblemsTests
{
    private const string Nothing = "there is nothing to share";
    private const string InClear = " is no private address: without TLS others may read and write what is counted (write rediss://, with TLS in the store, "
        + "or have it in a network of the shields' own)";

    [TestCase("shield_shared_store=redis://10.0.0.5:6379")]
    [TestCase("shield_shared_store=redis://127.0.0.1+redis://[::1]:6380")]
    [TestCase("shield_shared_store=redis://[fd00::1]:6379")]
    [TestCase("shield_shared_store=unix:/run/redis.sock")]
    [TestCase("shield_shared_store=rediss://203.0.113.5:6379")]
    [TestCase("shield_shared_store=redis://inside.example.com")]
    [TestCase("shield_shared_store=rediss://outside.example.com")]
    [TestCase("shield_shared_store=redis://203.0.113.5", "shared counters: shield_shared_store: 203.0.113.5" + InClear)]
    [TestCase("shield_shared_store=redis://10.0.0.5+redis://[2001:db8::5]:6379", "shared counters: shield_shared_store: 2001:db8::5" + InClear)]
    [TestCase("shield_shared_store=redis://outside.example.com", "shared counters: shield_shared_store: outside.example.com, 203.0.113.9," + InClear)]
    [TestCase("shield_shared_store=redis://nosuch.example.com", "shared counters: shield_shared_store: nosuch.example.com has no address: limits count on each "
        + "shield alone (write its address, or mend the name)")]
    [TestCase("shield_shared_store=redis://10.0.0.5;shield_shared_user=smtpshield", "shared counters: shield_shared_user = smtpshield has no password, and "
        + "without one nobody logs in (write shield_shared_password_file = FILE)")]
    [TestCase("shield_shared_store=redis://10.0.0.5;smtpd_client_connection_count_limit=0", "shared counters: shield_shared_store: no service has a limit on "
        + "its clients: " + Nothing + " (set one, such as smtpd_client_connection_rate_limit)")]
    [TestCase("shield_shared_store=redis://10.0.0.5;smtpd_client_connection_count_limit=0;shield_shadow=smtpd_client_message_rate_limit=9")]
    [TestCase("shield_shared_store=redis://10.0.0.5;shield_shared=no", "shared counters: shield_shared_store: no service has shield_shared = yes: " + Nothing
        + " (set it for a service, or leave shield_shared_store empty)")]
    [TestCase("shield_shared_store=redis://10.0.0.5;smtpd_client_ipv6_prefix_length=128", "service smtp: smtpd_client_ipv6_prefix_length = 128: a client that "
        + "has a /64 may fill the store with addresses (write 64 or less)")]
    [TestCase("smtpd_client_connection_count_limit=0;smtpd_client_ipv6_prefix_length=128;shield_shared_user=x")]
    public async Task ProblemsOf_Configuration_AreWarnedOf(string parameters, params string[] expected)
    {
        var problems = await SharingProblems.ProblemsOfAsync(OptionsOf(parameters), LookUpAsync, new FakeTimeProvider(), CancellationToken.None);
        Assert.That(problems.Select(static problem => $"{problem.Severity}: {problem}"), Is.EqualTo(expected.Select(static text => $"Warning: {text}")));
    }

    [TestCase("shield_shared_store=redis://10.0.0.5+redis://10.0.0.5:6379", "has a node twice")]
    [TestCase("shield_shared_tls_CAfile=/nonexistent/ca.pem", "shield_shared_tls_CAfile: /nonexistent/ca.pem: open /nonexistent/ca.pem: No such file")]
    public void Load_WhatCannotBeUsed_IsRefused(string parameter, string problem)
    {
        var path = Path.GetTempFileName();
        var result = ShieldConfiguration.Load(path, [parameter]);
        File.Delete(path);
        Assert.That(result.Problems.Select(static one => $"{one.Severity} {one.Message}"), Has.One.StartsWith("Error").And.One.Contains(problem));
    }

    private static ShieldOptions OptionsOf(string parameters)
    {
        var path = Path.GetTempFileName();
        var options = ShieldConfiguration.Load(path, parameters.Split(';')).Options!;
        File.Delete(path);
        return options;
    }

    private static Task<IPAddress[]> LookUpAsync(string name, CancellationToken cancellationToken) => name switch
    {
        "inside.example.com" => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.1.1.1")]),
        "outside.example.com" => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.1.1.1"), IPAddress.Parse("203.0.113.9")]),
        _ => throw new SocketException((int)SocketError.HostNotFound),
    };
}
