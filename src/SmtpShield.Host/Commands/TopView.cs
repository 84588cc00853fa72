using SmtpShield.Control;
using SmtpShield.Control.Clients;

namespace SmtpShield.Host.Commands;

/// <summary>
/// What <c>top</c> shows on a terminal: the list, and the client in it that keys are about. That stays the chosen one wherever the next list has it; when it is
/// not in there any more, the one in its place is. It knows no terminal.
/// </summary>
/// <param name="sort">What comes first.</param>
internal sealed class TopView(string sort)
{
    private const string SortKeys = "sort: n nearness  o open  c connections  m messages  r recipients  t tls  a auths  e errors  f auth failures  x refused";
    private const string OtherKeys = "up, down choose a client   E explain   R release   q quit";

    // The keys, what is shown, and the names of the columns.
    private const int HeadLines = 4;

    private string[] _lines = [];
    private IReadOnlyList<ClientRow> _clients = [];
    private string _count = "";
    private int _chosen;
    private int _first;
    private bool _asks;

    /// <summary>What comes first.</summary>
    public string Sort { get; private set; } = sort;

    /// <summary>The client that keys are about; null: the list is empty.</summary>
    public ClientRow? Chosen => _chosen < _clients.Count ? _clients[_chosen] : null;

    /// <summary>Whether the next key says whether the chosen client is released.</summary>
    public bool Asks => _asks;

    /// <summary>Takes a new list.</summary>
    /// <param name="list">The clients.</param>
    /// <param name="zone">Of times.</param>
    public void Take(ClientList list, TimeZoneInfo zone)
    {
        var chosen = Chosen;
        using var writer = new StringWriter { NewLine = "\n" };
        TopCommand.Print(list, new(writer, zone));
        var lines = writer.ToString().TrimEnd('\n').Split('\n');
        (_lines, _count, _clients) = (lines[..^1], lines[^1], list.Clients);
        var again = _clients.Index().FirstOrDefault(row => row.Item.Service == chosen?.Service && row.Item.Client == chosen.Client, (-1, null!)).Index;
        // A question is about the client it names, not about another one in its place.
        _asks &= again >= 0;
        _chosen = again >= 0 ? again : Math.Clamp(_chosen, 0, Math.Max(0, _clients.Count - 1));
    }

    /// <summary>A key was typed.</summary>
    public TopKey Press(ConsoleKeyInfo key)
    {
        if (_asks)
        {
            _asks = false;
            return key.KeyChar == 'y' ? TopKey.Release : TopKey.Draw;
        }

        switch (key)
        {
            case { KeyChar: 'q' }:
                return TopKey.Quit;
            case { Key: ConsoleKey.DownArrow } or { KeyChar: 'j' }:
                return Choose(_chosen + 1);
            case { Key: ConsoleKey.UpArrow } or { KeyChar: 'k' }:
                return Choose(_chosen - 1);
            case { KeyChar: 'E' } or { Key: ConsoleKey.Enter }:
                return Chosen is null ? TopKey.None : TopKey.Explain;
            case { KeyChar: 'R' }:
                _asks = Chosen is not null;
                return _asks ? TopKey.Draw : TopKey.None;
            default:
                if (SortOf(key.KeyChar) is not { } other)
                    return TopKey.None;
                Sort = other;
                return TopKey.Sort;
        }
    }

    /// <summary>What a terminal of this size shows: no line is longer than it is wide, so none is broken.</summary>
    public string Frame(int width, int height)
    {
        var room = Math.Max(1, height - 1 - HeadLines);
        _first = Math.Clamp(_first, Math.Max(0, _chosen - room + 1), _chosen);
        var rows = _lines.Skip(1 + _first).Take(room).Select((line, index) => (index == _chosen - _first ? "> " : "  ") + line);
        string[] shown =
        [
            SortKeys, OtherKeys, _asks ? $"release {Chosen!.Client} at {Chosen.Service}? y: yes" : $"by {Sort}, {_count}",
            .. _lines.Take(1).Select(static head => "  " + head), .. rows,
        ];
        return Cut(shown.Take(Math.Max(1, height - 1)), width);
    }

    /// <summary>A text that has the whole terminal, until a key is typed.</summary>
    public static string Page(string text, int width, int height) =>
        Cut(text.TrimEnd('\n').Split('\n').Take(Math.Max(1, height - 3)).Append("").Append("any key goes back"), width);

    /// <summary>The order a key asks for; null: none.</summary>
    public static string? SortOf(char key) => key switch
    {
        'n' => ClientSort.Nearness.Word(),
        'o' => ClientSort.Open.Word(),
        'c' => ClientSort.Connections.Word(),
        'm' => ClientSort.Messages.Word(),
        'r' => ClientSort.Recipients.Word(),
        't' => ClientSort.TlsSessions.Word(),
        'a' => ClientSort.Auths.Word(),
        'e' => ClientSort.Errors.Word(),
        'f' => ClientSort.AuthFailures.Word(),
        'x' => ClientSort.Refused.Word(),
        _ => null,
    };

    private static string Cut(IEnumerable<string> lines, int width) => string.Join('\n', lines.Select(line => line.Length <= width ? line : line[..width]));

    private TopKey Choose(int index)
    {
        _chosen = Math.Clamp(index, 0, Math.Max(0, _clients.Count - 1));
        return TopKey.Draw;
    }
}
