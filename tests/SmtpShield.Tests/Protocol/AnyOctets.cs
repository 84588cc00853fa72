using System.Buffers;
using FsCheck;
using FsCheck.Fluent;

namespace SmtpShield.Tests.Protocol;

/// <summary>Octets made up from a few that matter, whole and in segments cut anywhere.</summary>
/// <param name="Text">One character an octet.</param>
/// <param name="Cuts">Where segments start.</param>
internal sealed record AnyOctets(string Text, int[] Cuts)
{
    public byte[] Octets => System.Text.Encoding.Latin1.GetBytes(Text);

    public ReadOnlySequence<byte> Sequence => Protocol.Octets.Split(Octets, [.. Cuts.Where(cut => cut < Text.Length).Distinct().Order()]);

    /// <summary>Checks a property of octets made of such parts.</summary>
    /// <param name="parts">What they are made of, those that come often several times.</param>
    /// <param name="holds">The property.</param>
    /// <param name="longest">How many parts at most.</param>
    public static void Check(string[] parts, Func<AnyOctets, bool> holds, int longest = 40)
    {
        var any = from text in Gen.ArrayOf(Gen.Elements(parts))
                  from cuts in Gen.ArrayOf(Gen.Choose(1, 60))
                  select new AnyOctets(string.Concat(text), cuts);
        Prop.ForAll(any.ToArbitrary(), holds).Check(Config.QuickThrowOnFailure.WithMaxTest(3000).WithEndSize(longest));
    }

    public override string ToString() => $"{Protocol.Octets.Shown(Octets)} cut at {string.Join(',', Cuts)}";
}
