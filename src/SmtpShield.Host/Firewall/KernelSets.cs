using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using SmtpShield.PostfixConf;

namespace SmtpShield.Host.Firewall;

/// <summary>
/// Reads from the kernel whom it drops, with nft's JSON: half a second of processor for 50,000, so only for a person who asks, and only as root.
/// </summary>
internal static class KernelSets
{
    // What strerror(3) says: there is no table, so nobody is dropped.
    private const string NoTable = "No such file or directory";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>Asks.</summary>
    /// <param name="program">Which nft.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Whom the kernel drops, and for how long; or nothing and why that is not known.</returns>
    public static async Task<(IReadOnlyList<NftBan> Bans, string WhyNot)> ReadAsync(string program, TimeProvider time, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(NftProcess.Find(program), ["-j", "list", "table", .. NftScript.Table.Split(' ')])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, Environment = { ["LC_ALL"] = "C" },
        };
        try
        {
            using var deadline = new CancellationTokenSource(_patience, time);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
            using var process = Process.Start(start)!;
            await using var end = ending.Token.Register(static state => ((Process)state!).Kill(), process);
            var error = process.StandardError.ReadToEndAsync(ending.Token);
            var output = await process.StandardOutput.ReadToEndAsync(ending.Token);
            await process.WaitForExitAsync(ending.Token);
            if (process.ExitCode == 0)
                return (Parse(output), "");
            var complaint = await error;
            return ([], complaint.Contains(NoTable, StringComparison.Ordinal) ? "" : Printable.Text(complaint.Split('\n')[0]));
        }
        catch (Win32Exception exception)
        {
            return ([], $"{program}: {NftProcess.WhyNot(exception)}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return ([], $"nft does not answer within {_patience.TotalSeconds:0} s");
        }
        catch (JsonException)
        {
            return ([], "what nft says is not understood");
        }
    }

    /// <summary>Reads what nft says of the table.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    internal static IReadOnlyList<NftBan> Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        var bans = new List<NftBan>();
        foreach (var one in Array(document.RootElement, "nftables"))
        {
            if (!one.TryGetProperty("set", out var set) || !set.TryGetProperty("name", out var name) || NftScript.LengthOf(name.GetString()) is not { } length)
                continue;
            foreach (var element in Array(set, "elem"))
            {
                if (element.TryGetProperty("elem", out var timed) && timed.TryGetProperty("val", out var value) && PrefixOf(value, length) is { } prefix
                    && timed.TryGetProperty("expires", out var expires) && expires.TryGetInt64(out var seconds))
                {
                    bans.Add(new(prefix, seconds));
                }
            }
        }

        return bans;
    }

    private static JsonElement.ArrayEnumerator Array(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var array) && array.ValueKind == JsonValueKind.Array ? array.EnumerateArray() : default;

    // An address, or {"prefix": {"addr": "192.0.2.0", "len": 24}}.
    private static IPNetwork? PrefixOf(JsonElement value, int length)
    {
        if (value.ValueKind == JsonValueKind.String)
            return IPAddress.TryParse(value.GetString(), out var address) ? new IPNetwork(address, length) : null;
        return value.ValueKind == JsonValueKind.Object && value.TryGetProperty("prefix", out var prefix)
            && IPNetwork.TryParse(string.Create(CultureInfo.InvariantCulture, $"{prefix.GetProperty("addr")}/{prefix.GetProperty("len")}"), out var network)
            ? network : null;
    }
}
