using System.Buffers;
using System.Text;

namespace SmtpShield.Tests.Protocol;

/// <summary>
/// Octets of a dialogue, written so that one sees them: <c>⏎</c> is CR LF, <c>␍</c> a lone CR, <c>␊</c> a lone LF, <c>␀</c> a NUL, <c>␉</c> a tab.
/// </summary>
internal static class Octets
{
    public static byte[] Of(string text) => Encoding.Latin1.GetBytes(
        text.Replace("⏎", "\r\n", StringComparison.Ordinal).Replace('␍', '\r').Replace('␊', '\n').Replace('␀', '\0').Replace('␉', '\t'));

    public static string Shown(ReadOnlySpan<byte> octets) => Encoding.Latin1.GetString(octets)
        .Replace("\r\n", "⏎", StringComparison.Ordinal).Replace('\r', '␍').Replace('\n', '␊').Replace('\0', '␀').Replace('\t', '␉');

    public static string Shown(in ReadOnlySequence<byte> octets) => Shown(octets.ToArray());

    /// <summary>The same octets in segments that start at the given places.</summary>
    public static ReadOnlySequence<byte> Split(ReadOnlyMemory<byte> octets, params ReadOnlySpan<int> starts)
    {
        var first = new Segment(octets[..(starts.IsEmpty ? octets.Length : starts[0])], 0);
        var last = first;
        for (var i = 0; i < starts.Length; i++)
            last = last.Append(octets[starts[i]..(i + 1 < starts.Length ? starts[i + 1] : octets.Length)]);
        return new(first, 0, last, last.Memory.Length);
    }

    /// <summary>Whole, in two segments split at every octet, and in segments of one octet.</summary>
    public static IEnumerable<ReadOnlySequence<byte>> EverySplit(byte[] octets)
    {
        yield return new(octets);
        for (var at = 1; at < octets.Length; at++)
            yield return Split(octets, at);
        yield return Split(octets, [.. Enumerable.Range(1, Math.Max(0, octets.Length - 1))]);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long runningIndex) => (Memory, RunningIndex) = (memory, runningIndex);

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
