using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace SmtpShield.Testing.Dialogues;

/// <summary>
/// A dialogue written down: which limits apply, which clients there are, and what they send and read. Its format is described in
/// tests/SmtpShield.PostfixTests/Dialogues/README.md.
/// </summary>
public sealed partial class DialogueFile
{
    private const string DefaultClient = "A";
    private static readonly IPAddress s_defaultAddress = IPAddress.Parse("127.83.0.1");
    private readonly Dictionary<string, string> _limits = [];
    private readonly Dictionary<string, string> _mta = [];
    private readonly Dictionary<string, IPAddress> _clients = [];
    private readonly List<DialogueStep> _steps = [];

    private DialogueFile(string name) => Name = name;

    /// <summary>The file's name without its extension.</summary>
    public string Name { get; }

    /// <summary>Parameters of whoever enforces the limits: the shield, or the Postfix it is compared with.</summary>
    public IReadOnlyDictionary<string, string> Limits => _limits;

    /// <summary>Parameters of both Postfixes: how the MTA itself behaves.</summary>
    public IReadOnlyDictionary<string, string> Mta => _mta;

    /// <summary>Why what the clients see depends on when something arrives; null when it doesn't, and the dialogue also runs with its writes cut.</summary>
    public string? WholeOnly { get; private set; }

    /// <summary>Why what is seen depends on a session with the MTA that is dialed at once and kept.</summary>
    public string? AtOnceOnly { get; private set; }

    /// <summary>Its steps, in order.</summary>
    public IReadOnlyList<DialogueStep> Steps => _steps;

    /// <summary>Whether a client talks before it is greeted.</summary>
    public bool IsBegunByTheClient =>
        Steps.FirstOrDefault(static step => step.Kind is not DialogueStepKind.Open)?.Kind == DialogueStepKind.Send;

    /// <summary>How many connections it makes.</summary>
    public bool HasOneClient => _steps.Select(step => step.Client).Distinct().Count() == 1;

    /// <summary>The address a client connects from.</summary>
    public IPAddress AddressOf(string client) => _clients.GetValueOrDefault(client, s_defaultAddress);

    /// <summary>Reads a dialogue.</summary>
    public static DialogueFile Load(string path)
    {
        var dialogue = new DialogueFile(Path.GetFileNameWithoutExtension(path));
        var number = 0;
        foreach (var line in File.ReadAllLines(path, Encoding.UTF8))
        {
            number++;
            if (line.Length == 0 || line[0] == '#')
                continue;
            if (!dialogue.TryAddHeader(line) && !dialogue.TryAddSteps(line))
                throw new FormatException($"{path}, line {number}: not a line of a dialogue: {line}");
        }
        return dialogue;
    }

    /// <summary>Octets of its longest write.</summary>
    public int LongestWrite => Steps.Where(step => step.Kind == DialogueStepKind.Send).Max(step => (int?)step.Text.Length) ?? 0;

    /// <inheritdoc/>
    public override string ToString() => Name;

    private bool TryAddHeader(string line)
    {
        if (Header().Match(line) is not { Success: true } header)
            return false;
        var (name, value) = (header.Groups["name"].Value, header.Groups["value"].Value);
        switch (header.Groups["kind"].Value)
        {
            case "limit":
                _limits[name] = value;
                break;
            case "mta":
                _mta[name] = value;
                break;
            case "at-once-only":
                AtOnceOnly = header.Groups["reason"].Value;
                break;
            case "whole-only":
                WholeOnly = header.Groups["reason"].Value;
                break;
            default:
                _clients[name] = IPAddress.Parse(value);
                break;
        }
        return true;
    }

    private bool TryAddSteps(string line)
    {
        if (Step().Match(line) is not { Success: true } step)
            return false;
        var client = step.Groups["client"] is { Success: true } named ? named.Value : DefaultClient;
        var times = step.Groups["times"] is { Success: true } given ? int.Parse(given.Value, CultureInfo.InvariantCulture) : 1;
        var text = step.Groups["text"].Value;
        switch (step.Groups["op"].Value)
        {
            case "C":
                AddSend(client, Repeat(text + "\\r\\n", times));
                break;
            case "C+":
                JoinToLastSend(client, Repeat(text + "\\r\\n", times));
                break;
            case "RAW":
                AddSend(client, Repeat(text, times));
                break;
            case "RAW+":
                JoinToLastSend(client, Repeat(text, times));
                break;
            case "S":
                for (var index = 0; index < times; index++)
                    _steps.Add(new DialogueStep(client, DialogueStepKind.Read, text));
                break;
            case "X":
                for (var index = 1; index <= times; index++)
                {
                    AddSend(client, Numbered(text + "\\r\\n", index));
                    _steps.Add(new DialogueStep(client, DialogueStepKind.Read, ""));
                }
                break;
            case "OPEN":
                _steps.Add(new DialogueStep(client, DialogueStepKind.Open, ""));
                break;
            case "CLOSE":
                _steps.Add(new DialogueStep(client, DialogueStepKind.Close, ""));
                break;
            case "RESET":
                _steps.Add(new DialogueStep(client, DialogueStepKind.Reset, ""));
                break;
            case "HALFCLOSE":
                _steps.Add(new DialogueStep(client, DialogueStepKind.HalfClose, ""));
                break;
            case "PAUSE":
                _steps.Add(new DialogueStep(client, DialogueStepKind.Pause, text));
                break;
            case "TLS" when text == "close":
                _steps.Add(new DialogueStep(client, DialogueStepKind.EndTls, ""));
                break;
            case "TLS" when TlsWords().IsMatch(text):
                _steps.Add(new DialogueStep(client, DialogueStepKind.StartTls, text));
                break;
            case "EXPECT" when text == "close":
                _steps.Add(new DialogueStep(client, DialogueStepKind.ExpectClose, ""));
                break;
            default:
                return false;
        }
        return true;
    }

    private static string Repeat(string text, int times) => string.Concat(Enumerable.Range(1, times).Select(number => Numbered(text, number)));

    private static string Numbered(string text, int number) => text.Replace("{n}", number.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private void AddSend(string client, string text) => _steps.Add(new DialogueStep(client, DialogueStepKind.Send, Unescape(text)));

    private void JoinToLastSend(string client, string text)
    {
        var last = _steps[^1];
        if (last.Kind is not (DialogueStepKind.Send or DialogueStepKind.StartTls) || last.Client != client)
            throw new FormatException($"{Name}: nothing sent that could be joined");
        _steps[^1] = last.Kind == DialogueStepKind.Send ? last with { Text = last.Text + Unescape(text) } : last with { Behind = last.Behind + Unescape(text) };
    }

    // UTF-8 in the file is sent as it is written; an escape stands for one octet.
    private static string Unescape(string text) =>
        Escape().Replace(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text)), match => match.Value[1] switch
        {
            'r' => "\r",
            'n' => "\n",
            't' => "\t",
            '0' => "\0",
            's' => " ",
            'x' => ((char)byte.Parse(match.ValueSpan[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString(),
            _ => "\\",
        });

    [GeneratedRegex(@"^((?<kind>limit|mta|client) (?<name>\w+) = (?<value>.*)|(?<kind>whole-only|at-once-only) (?<reason>.+))$")]
    private static partial Regex Header();

    [GeneratedRegex(@"^((?<client>[ABDEFGHI]): )?(?<op>C\+?|RAW\+?|S|X|OPEN|CLOSE|RESET|HALFCLOSE|EXPECT|PAUSE|TLS)(\*(?<times>\d+))?:?( (?<text>.*))?$")]
    private static partial Regex Step();

    [GeneratedRegex(@"^((resume|1\.2|sni=\S+)( |$))*$")]
    private static partial Regex TlsWords();

    [GeneratedRegex(@"\\([rnt0s\\]|x[0-9A-Fa-f]{2})")]
    private static partial Regex Escape();
}
