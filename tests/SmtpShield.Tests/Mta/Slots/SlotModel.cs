using SmtpShield.Mta.Slots;

namespace SmtpShield.Tests.Mta.Slots;

/// <summary>The rules as they are written, without any structure: each question looks at everybody.</summary>
internal sealed class SlotModel(SlotTerms terms)
{
    private int _goodInARow;
    private int _unknownInARow;
    private int _arrived;

    public SlotTerms Terms { get; set; } = terms;

    public List<Party> Waiters { get; } = [];

    public List<Party> Holders { get; } = [];

    private int Free => Terms.Limit - Holders.Count;

    public Party? TryTake(int client, ClientStanding standing)
    {
        if (!MayTake(standing, client, IsGood(standing) ? Free : Free - Terms.Reserve))
            return null;

        var party = new Party(client, standing, _arrived++);
        Book(party);
        Grant();
        return party;
    }

    public Party Wait(int client, ClientStanding standing)
    {
        var party = new Party(client, standing, _arrived++);
        Waiters.Add(party);
        Grant();
        return party;
    }

    public void Leave(Party party)
    {
        Waiters.Remove(party);
        Holders.Remove(party);
        Grant();
    }

    public void Reclassify(int client, ClientStanding standing)
    {
        foreach (var party in Waiters.Concat(Holders).Where(party => party.Client == client && party.Standing > ClientStanding.Good))
            party.Standing = standing;
        Grant();
    }

    public void Grant()
    {
        while (Next() is { } next)
        {
            Waiters.Remove(next);
            Book(next);
        }
    }

    private Party? Next()
    {
        if (Free <= 0)
            return null;

        var good = First(static standing => IsGood(standing), Free);
        var forOthers = Free - Terms.Reserve;
        if (good is not null && _goodInARow == 4 && Holders.Count(static holder => !IsGood(holder.Standing)) < Terms.Limit - Terms.Reserve)
            forOthers = Math.Max(forOthers, 1);
        var unknown = First(static standing => standing == ClientStanding.Unknown, forOthers);
        var bad = First(static standing => standing == ClientStanding.Bad, forOthers);
        var other = bad is not null && _unknownInARow == 4 ? bad : unknown ?? bad;
        return other is not null && _goodInARow == 4 ? other : good ?? other;
    }

    private Party? First(Func<ClientStanding, bool> ofClass, int free) => Waiters
        .Where(waiter => ofClass(waiter.Standing) && MayTake(waiter.Standing, waiter.Client, free))
        .OrderBy(waiter => HeldBy(waiter.Client)).ThenBy(static waiter => waiter.Arrived).FirstOrDefault();

    private bool MayTake(ClientStanding standing, int client, int free) =>
        free == 1 || (free > 1 && (standing == ClientStanding.Exempt || Terms.ClientShare == 0 || HeldBy(client) < Share));

    private decimal Share => Math.Max(1, Math.Floor(Terms.ClientShare * (decimal)Free / 100));

    private int HeldBy(int client) => Holders.Count(holder => holder.Client == client);

    private void Book(Party party)
    {
        Holders.Add(party);
        if (IsGood(party.Standing))
        {
            _goodInARow = Waiters.Exists(static waiter => !IsGood(waiter.Standing)) ? Math.Min(4, _goodInARow + 1) : 0;
            return;
        }

        _goodInARow = 0;
        var isAboveBad = party.Standing == ClientStanding.Unknown && Waiters.Exists(static waiter => waiter.Standing == ClientStanding.Bad);
        _unknownInARow = isAboveBad ? Math.Min(4, _unknownInARow + 1) : 0;
    }

    private static bool IsGood(ClientStanding standing) => standing is ClientStanding.Exempt or ClientStanding.Good;

    public sealed class Party(int client, ClientStanding standing, int arrived)
    {
        public int Client => client;

        public int Arrived => arrived;

        public ClientStanding Standing { get; set; } = standing;
    }
}
