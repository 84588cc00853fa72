using System.Net;
using System.Net.Sockets;
using SmtpShield.Listening;
using SmtpShield.Options;

namespace SmtpShield.Tests.Listening;

/// <summary>Whether sockets that systemd gives are those that main.cf names.</summary>
[Platform("Linux")]
internal sealed class InheritedSocketsTests
{
    [TestCase("smtp", true)]
    [TestCase("smtpshield.socket", true)]
    [TestCase("", true)]
    [TestCase("submission", false, Description = "a service that does not listen there")]
    public void ProblemsOf_NameOfADescriptor_IsThatOfItsServiceOrOfNone(string name, bool isRight)
    {
        using var inherited = new InheritedSockets();
        var (descriptor, at) = Add(inherited, name, Listener(IPAddress.Loopback));
        var problems = inherited.ProblemsOf(Options(at)).ToList();

        Assert.That(problems, isRight ? Is.Empty : Has.One.EqualTo(
            $"socket activation: descriptor {descriptor} (submission) listens at {at}, which is not in shield_listen of service submission: "
            + "add it there, or change ListenStream= or FileDescriptorName= of the socket unit"));
    }

    [Test]
    public void ProblemsOf_WhatCannotBeServed_NamesPlaceAndRemedy()
    {
        using var inherited = new InheritedSockets();
        var (_, elsewhere) = Add(inherited, "x", Listener(IPAddress.Loopback));
        Add(inherited, "x", Listener(IPAddress.IPv6Any));
        var idle = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        idle.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Add(inherited, "x", idle);
        using var file = File.OpenHandle("/dev/null");
        inherited.Add("x", (int)file.DangerousGetHandle());
        file.SetHandleAsInvalid();
        var problems = inherited.ProblemsOf(Options(new(IPAddress.Loopback, 25))).ToList();

        Assert.That(problems, Has.Count.EqualTo(4));
        Assert.That(problems[0], Does.EndWith($"listens at {elsewhere}, which is in shield_listen of no service: add it there, "
            + "or change ListenStream= of the socket unit"));
        Assert.That(problems[1], Does.Contain("for IPv4, too; write BindIPv6Only=ipv6-only"));
        Assert.That(problems[2..], Has.All.Contains("is no TCP socket that listens; in the socket unit write ListenStream="));
    }

    [Test]
    public void Take_AnAddress_IsItsSocketOnce()
    {
        using var inherited = new InheritedSockets();
        var (_, one) = Add(inherited, "", Listener(IPAddress.Loopback));
        var (_, other) = Add(inherited, "", Listener(IPAddress.Loopback));
        using var taken = inherited.Take(other);

        Assert.That(taken!.LocalEndPoint, Is.EqualTo(other));
        Assert.That(inherited.Take(other), Is.Null);
        Assert.That(inherited.Take(new IPEndPoint(IPAddress.Any, one.Port)), Is.Null);
    }

    private static Socket Listener(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            socket.DualMode = true;
        socket.Bind(new IPEndPoint(address, 0));
        socket.Listen();
        return socket;
    }

    // It is the one that is given from then on.
    private static (int Descriptor, IPEndPoint At) Add(InheritedSockets inherited, string name, Socket socket)
    {
        var (descriptor, at) = ((int)socket.Handle, (IPEndPoint)socket.LocalEndPoint!);
        socket.SafeHandle.SetHandleAsInvalid();
        inherited.Add(name, descriptor);
        return (descriptor, at);
    }

    private static ShieldOptions Options(IPEndPoint smtp) => new()
    {
        Service = new() { Names = ["smtp", "submission"] },
        Services = new Dictionary<string, ShieldOptions>
        {
            ["smtp"] = new() { Listener = new() { Endpoints = [smtp] } },
            ["submission"] = new() { Listener = new() { Endpoints = [new(IPAddress.Loopback, 587)] } },
        },
    };
}
