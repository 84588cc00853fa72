using System.Globalization;
using System.Text;

namespace SmtpShield.Testing.Hunter;

/// <summary>Makes up what a client does. Every word of its own carries a number, so that no two commands or messages of a session are alike.</summary>
/// <param name="random">What it decides by.</param>
/// <param name="likesTls">The client is told of STARTTLS, and often uses it.</param>
internal sealed class PlanGenerator(Random random, bool likesTls = false)
{
    private readonly List<(string Octets, int Replies)> _units = [];
    private int _number;

    public SessionPlan Generate()
    {
        if (Chance(2))
            Add(Pick("\u0016\u0003\u0001", "SSH-2.0-x\r\n", "\u00ff\u00fb\u001f", "\r\n", "\t\r\n"));
        if (!Chance(8))
            AddCommand(Chance(90) ? "EHLO" : "HELO", "c" + Tag());
        var isGuessing = Chance(4);
        for (var i = random.Next(1, 9); i > 0; i--)
        {
            if (likesTls && Chance(20))
                AddStartTls();
            if (isGuessing && Chance(70))
                AddAuth();
            else
                AddScene();
        }

        if (Chance(60))
            AddCommand("QUIT", Chance(30) ? Tag() : "");

        var steps = Write();
        var leaving = Chance(70) ? Leaving.HalfClose : Chance(50) ? Leaving.Close : Leaving.Reset;
        if (leaving is not Leaving.HalfClose || Chance(15))
            CutOff(steps);
        return new(Chance(3), steps, leaving, Chance(50));
    }

    private void AddScene()
    {
        switch (random.Next(16))
        {
            case < 5:
                AddTransaction();
                break;
            case 5:
                AddAuth();
                break;
            case 6:
                AddChunk(last: Chance(50));
                break;
            case 7:
                AddGarbage();
                break;
            case 8:
                AddRecipients(random.Next(1, 8));
                break;
            case 9:
                AddMail();
                break;
            case 10 when Chance(25):
                AddCommand("STARTTLS", Chance(10) ? "x" : "");
                Add("tls" + Tag() + Noise(40), replies: 0);
                break;
            case 11:
                AddCommand("DATA", Chance(50) ? Tag() : "");
                AddContent();
                break;
            default:
                AddCommand(Pick("NOOP", "RSET", "VRFY", "HELP", "ETRN", "EXPN", "FOO", "HELO", "EHLO", "XCLIENT", "XFORWARD", "LHLO", "BURL", "VERB", "SOML",
                    "XPROXYFROM", "RSET", "NOOP"), Chance(90) ? Tag() : "");
                break;
        }
    }

    private void AddStartTls()
    {
        AddCommand("STARTTLS", "");
        if (Chance(15))
            AddCommand("NOOP", Tag());
        if (Chance(80))
            AddCommand("EHLO", "c" + Tag());
    }

    private void AddTransaction()
    {
        AddMail();
        AddRecipients(random.Next(0, 5));
        switch (random.Next(8))
        {
            case 0:
                AddCommand("RSET", Tag());
                break;
            case 1:
                AddChunks();
                break;
            case 2:
                AddChunks();
                goto default;
            default:
                AddCommand("DATA", Chance(40) ? Tag() : "");
                AddContent();
                break;
        }
    }

    private void AddMail() => AddCommand("MAIL", Chance(90)
        ? $"FROM:<{Tag()}@x>{Pick("", "", "", " SIZE=100", " PRDR", " BODY=8BITMIME")}"
        : Pick("FROM:", "x", "FROM: <> ", "<a@b>", "FROM : ") + Tag());

    private void AddRecipients(int count)
    {
        for (; count > 0; count--)
            AddCommand("RCPT", Chance(92) ? $"TO:<{Tag()}@y>" : Pick("TO:", "", "x", "<a@b>", "TO : ") + (Chance(50) ? Tag() : ""));
    }

    private void AddContent()
    {
        var body = new StringBuilder(Tag());
        for (var i = random.Next(0, 12); i > 0; i--)
        {
            body.Append(Chance(3)
                ? Pick("\n.\r\n", "\r\n.\n", "\n.\n", "\r.\r", "\r\n.\r", "\0\r\n.\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n", "\r\r\n.\r\r\n")
                : Pick("\r\n", "\r\n", ".", "..", "\r\n..", "\r\n.x", "\n", "\r", "\0", "a", "QUIT\r\n", "\r\n..\r\n", "\r\r\n", "\n.x", "x.\r\n",
                    new string('x', random.Next(3000)), Tag()));
        }

        // The first octets are special: a dot there ends the message, if it is alone in its line.
        var text = body.ToString();
        if (Chance(10))
            text = Pick(".\r\n", ".", "\r\n", "..\r\n", ".\n", ".\r") + text;
        else if (Chance(2))
            text = new string('y', random.Next(60_000)) + text;
        Add(text + (Chance(92) ? "\r\n.\r\n" : Pick("\n.\r\n", "\n.\n", "\r\n.\n", "")));
    }

    private void AddChunks()
    {
        for (var i = random.Next(0, 4); i > 0; i--)
            AddChunk(last: false);
        AddChunk(last: true);
    }

    private void AddChunk(bool last)
    {
        var chunk = Chance(15) ? "" : Tag() + Noise(random.Next(Chance(10) ? 20_000 : 40));
        var size = chunk.Length.ToString(CultureInfo.InvariantCulture);
        if (Chance(3))
            size = Pick("", "-1", "010", "0x10", "99999999999999999999", "5 LASTX", "x");
        AddCommand("BDAT", size + (last ? Pick(" LAST", " last", "  LaSt ") : ""), chunk, lineEnds: false);
    }

    private void AddAuth()
    {
        AddCommand("AUTH", Pick("PLAIN ", "LOGIN ", "login ") + Tag());
        for (var i = random.Next(0, 3); i > 0; i--)
            Add(Pick(Tag(), Tag(), "*", "", "QUIT", "=", "a\rb" + Tag(), "a\0b", Chance(5) ? new string('s', 12_300) : Tag()) + LineEnd());
    }

    private void AddGarbage()
    {
        switch (random.Next(9))
        {
            case 0:
                Add(LineEnd());
                break;
            case 1:
                Add(Pick(" ", "\t ", "\0", "\r\0") + "\r\n");
                break;
            case 2:
                Add("RCPT TO:<" + Tag() + "\0x>\r\n");
                break;
            case 3:
                Add("NO\rOP " + Tag() + "\r\n");
                break;
            case 4:
                Add("NOOP " + Tag() + Pick("\r\r\n", "\r\0\r\n", "\r\0\n", "\0\r\n"));
                break;
            case 5:
                Add("NOOP " + new string('l', Pick(500, 507, 508, 600, 2043, 2044, 3000, 9000)) + LineEnd());
                break;
            case 6:
                Add("AUTH PLAIN " + new string('a', Pick(3000, 12_277, 12_278, 13_000)) + "\r\n");
                break;
            case 7 when Chance(20):
                Add(Pick("Subject: ", "PUT ", "x:") + Tag() + "\r\n");
                break;
            default:
                Add(Noise(random.Next(30)) + "\r\n");
                break;
        }
    }

    private void AddCommand(string verb, string argument, string behind = "", bool lineEnds = true)
    {
        var word = Chance(70) ? verb : string.Concat(verb.Select(letter => Chance(50) ? char.ToLowerInvariant(letter) : letter));
        var line = (Chance(4) ? Pick(" ", "\t") : "") + word + (argument.Length == 0 ? "" : Chance(95) ? " " : Pick("  ", "\t", "\f"))
            + argument + (Chance(5) ? Pick(" ", "\t ") : "");
        Add(line + (lineEnds || Chance(5) ? LineEnd() : "\r\n") + behind);
    }

    private void Add(string octets, int replies = 1) => _units.Add((octets, replies));

    // Groups of units in one write, writes cut anywhere, replies waited for or not.
    private List<ClientStep> Write()
    {
        var steps = new List<ClientStep>();
        var groups = Pick(0, 30, 60, 95);
        var cuts = Pick(0, 0, 10, 50);
        var waits = Pick(100, 95, 80, 30);
        var owed = 1;
        for (var i = 0; i < _units.Count;)
        {
            var octets = _units[i].Octets;
            var replies = _units[i].Replies;
            for (i++; i < _units.Count && Chance(groups); i++)
            {
                octets += _units[i].Octets;
                replies += _units[i].Replies;
            }

            var awaited = Chance(waits) ? owed : 0;
            owed += replies;
            var at = 0;
            while (Chance(cuts) && at < octets.Length - 1)
            {
                var length = random.Next(1, Math.Min(octets.Length - at, Pick(3, 30, 3000)) + 1);
                steps.Add(new(octets.Substring(at, length), awaited));
                awaited = 0;
                at += length;
            }

            steps.Add(new(octets[at..], awaited));
        }

        return steps;
    }

    private void CutOff(List<ClientStep> steps)
    {
        var at = random.Next(steps.Count);
        steps.RemoveRange(at + 1, steps.Count - at - 1);
        steps[at] = steps[at] with { Octets = steps[at].Octets[..random.Next(steps[at].Octets.Length + 1)] };
    }

    private string LineEnd() => Chance(94) ? "\r\n" : "\n";

    private string Tag() => "t" + (_number++).ToString(CultureInfo.InvariantCulture) + "t";

    private string Noise(int length) => string.Create(length, this, static (noise, plan) =>
    {
        foreach (ref var octet in noise)
            octet = plan.Pick('\r', '\n', '\0', '.', 'a', ' ', ':', '\u00e9', 'N', '\u0001');
    });

    private bool Chance(int percent) => random.Next(100) < percent;

    private T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];
}
