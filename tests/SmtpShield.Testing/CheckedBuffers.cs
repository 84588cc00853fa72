using System.Buffers;
using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace SmtpShield.Testing;

/// <summary>
/// Buffers of which each may have one user at a time. One that is given back is filled with <see cref="Filling"/>, which nobody says, and is the next one to be
/// taken, whoever asks: so who goes on using it sends or finds that, or another's octets. What is seen here is a second return, and a write behind the return.
/// </summary>
internal sealed class CheckedBuffers : ArrayPool<byte>
{
    /// <summary>What stands in a buffer that nobody has: no character of ASCII.</summary>
    public const byte Filling = 0xDB;

    private const int Smallest = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, Stack<byte[]>> _free = [];
    private readonly ConditionalWeakTable<byte[], object> _taken = [];
    private readonly ConcurrentQueue<string> _problems = new();

    /// <summary>Those of all shields of this process.</summary>
    public static CheckedBuffers OfShields { get; } = new();

    /// <summary>What was seen, each with who has done it or has met it.</summary>
    public IReadOnlyCollection<string> Problems => _problems;

    /// <summary>Buffers given out and not given back.</summary>
    public int Taken { get; private set; }

    /// <inheritdoc />
    public override byte[] Rent(int minimumLength)
    {
        var length = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(minimumLength, Smallest));
        lock (_gate)
        {
            byte[]? buffer = null;
            if (_free.TryGetValue(length, out var free) && free.TryPop(out buffer) && buffer.AsSpan().ContainsAnyExcept(Filling))
                Note("A buffer was written to behind its return");
            buffer ??= new byte[length];
            _taken.Add(buffer, this);
            Taken++;
            return buffer;
        }
    }

    /// <inheritdoc />
    public override void Return(byte[] array, bool clearArray = false)
    {
        lock (_gate)
        {
            if (!_taken.Remove(array))
            {
                Note("A buffer was given back that nobody has taken, or a second time");
                return;
            }

            Taken--;
            array.AsSpan().Fill(Filling);
            if (!_free.TryGetValue(array.Length, out var free))
                _free[array.Length] = free = new();
            free.Push(array);
        }
    }

    private void Note(string problem) => _problems.Enqueue($"{problem}:\n{Environment.StackTrace}");
}
