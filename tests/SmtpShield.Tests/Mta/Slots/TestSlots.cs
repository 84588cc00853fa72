using System.Net;
using SmtpShield.Clients;
using SmtpShield.Mta.Slots;
using SmtpShield.Testing;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>The slots of a destination, whose clients are numbers.</summary>
internal sealed class TestSlots
{
    public TestSlots(int limit, int reserve = 0, int share = 10) => Slots = new(Time, new(limit, reserve, share));

    public FakeTimeProvider Time { get; } = new();

    public MtaSlots Slots { get; }

    public static ClientRange Range(int client) => ClientRange.Of(new IPAddress([10, (byte)(client >> 16), (byte)(client >> 8), (byte)client]), 32, 64);

    public Slot? TryTake(int client, ClientStanding standing = ClientStanding.Unknown) => Slots.TryTake(Range(client), standing, static () => { });

    public Slot Take(int client, ClientStanding standing = ClientStanding.Unknown) =>
        TryTake(client, standing) ?? throw new AssertionException($"There is no slot for client {client}.");

    public SlotWaiter Wait(int client, ClientStanding standing = ClientStanding.Unknown) =>
        SlotWaiter.Enqueue([Slots], Range(client), standing, static () => { });

    /// <summary>Gives slots back one by one, each to the next waiter.</summary>
    /// <returns>The clients of the waiters, in the order of their grants.</returns>
    public static List<int> GrantOneByOne(Slot first, IReadOnlyCollection<(int Client, SlotWaiter Waiter)> waiters)
    {
        var order = new List<int>();
        var waiting = waiters.ToList();
        for (var slot = first; slot is not null;)
        {
            slot.Dispose();
            slot = null;
            if (waiting.FindIndex(static waiter => waiter.Waiter.Granted is not null) is >= 0 and var granted)
            {
                order.Add(waiting[granted].Client);
                slot = waiting[granted].Waiter.Granted;
                waiting.RemoveAt(granted);
            }

            Assert.That(waiting.Count(static waiter => waiter.Waiter.Granted is not null), Is.Zero, "One slot, two grants.");
        }

        return order;
    }
}
