using System.Text;
using System.Text.RegularExpressions;
using SmtpShield.Testing;
using SmtpShield.Testing.Outside;

namespace SmtpShield.PostfixTests;

/// <summary>
/// The commands of docs/tasks/monitor-with-prometheus.md are typed, from the page, on this machine with a file system and a network of their own; what they
/// print is what the page says. The MTA is the demonstration's; systemd can't run, and a stand-in starts what it is asked for.
/// </summary>
[Platform("Linux"), Parallelizable(ParallelScope.Self), CancelAfter(240_000), Property("Operations", "J9")]
internal sealed partial class MonitoringPageTests
{
    private const string Page = "docs/tasks/monitor-with-prometheus.md";
    private const string Mark = "==== command ";

    // $1 of systemctl is the verb, $2 whom. The first scrape is waited for: "within a minute", says the page.
    private const string Sandbox = """
        set -eu
        export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8
        mount -t tmpfs tmpfs "$SANDBOX"
        for directory in etc usr; do
            mkdir -p "$SANDBOX/$directory/upper" "$SANDBOX/$directory/work"
            mount -t overlay overlay -o "lowerdir=/$directory,upperdir=$SANDBOX/$directory/upper,workdir=$SANDBOX/$directory/work" "/$directory"
        done
        mount -t tmpfs tmpfs /run
        mkdir -p /run/smtpshield /etc/smtpshield "$SANDBOX/data"
        ip link set lo up
        printf '#!/bin/bash\nexec dotnet %s "$@"\n' "$PROGRAM" > /usr/bin/smtpshield
        cat > /usr/bin/systemctl << 'SYSTEMCTL'
        #!/bin/bash
        [ -f "/run/$2.pid" ] && kill "$(cat "/run/$2.pid")" && while kill -0 "$(cat "/run/$2.pid")" 2> /dev/null; do read -rt 0.1 < <(exec tail -f /dev/null); done
        case "$2" in
            smtpshield) smtpshield run -c /etc/smtpshield/main.cf > "$SANDBOX/smtpshield.log" 2>&1 < /dev/null & ;;
            prometheus) prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path="$SANDBOX/data" \
                --web.listen-address=127.0.0.1:9090 > "$SANDBOX/prometheus.log" 2>&1 < /dev/null & ;;
        esac
        echo $! > "/run/$2.pid"
        until { [ "$2" = smtpshield ] && curl -sf http://127.0.0.1:9025/readyz > /dev/null; } \
            || { [ "$2" = prometheus ] && promtool query instant http://127.0.0.1:9090 smtpshield_build_info 2> /dev/null | grep -q version; }; do
            kill -0 "$(cat "/run/$2.pid")" || { cat "$SANDBOX/$2.log"; exit 1; }
            read -rt 0.2 < <(exec tail -f /dev/null)
        done
        exit 0
        SYSTEMCTL
        chmod 755 /usr/bin/smtpshield /usr/bin/systemctl
        printf '%s\n' 'myhostname = mail.example.com' 'shield_listen = 127.0.0.1:25' 'shield_upstream = 127.0.0.1:10025' \
            'maillog_file = /dev/stdout' > /etc/smtpshield/main.cf
        cat > "$SANDBOX/mta.py" << 'PYTHON'
        import socketserver
        class Session(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 mta\r\n")
                for line in self.rfile:
                    self.wfile.write(b"250 ok\r\n")
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer(("127.0.0.1", 10025), Session).serve_forever()
        PYTHON
        python3 "$SANDBOX/mta.py" < /dev/null > /dev/null 2>&1 &
        cp "$SANDBOX_CONFIG" /etc/prometheus/prometheus.yml
        cd "$REPOSITORY"

        """;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    [Test]
    public async Task Page_TypedFromTopToBottom_ShowsTheShieldInPrometheus(CancellationToken cancellationToken)
    {
        foreach (var program in (string[])["unshare", "prometheus", "promtool", "curl", "python3", "ip", "dotnet"])
            RealPostfix.RequireProgram(program);
        if ((await InNamespacesAsync("true", "/", "/", cancellationToken)).Status != 0)
            Assert.Ignore("namespaces can't be made here");
        var page = await File.ReadAllTextAsync(Repository.PathOf(Page), cancellationToken);
        var blocks = Block().Matches(page).Select(static match => match.Groups[1].Value).ToList();
        var directory = Directory.CreateTempSubdirectory("smtpshield-page-").FullName;
        var configuration = Path.GetTempFileName();
        try
        {
            var file = blocks.Single(static block => block.StartsWith("global:", StringComparison.Ordinal));
            await File.WriteAllTextAsync(configuration, file, cancellationToken);
            var steps = blocks.SelectMany(StepsOf).ToList();
            var script = new StringBuilder(Sandbox);
            foreach (var (index, step) in steps.Index())
                script.Append(null, $"echo '{Mark}{index}'\n{step.Command}\n");

            var (status, output) = await InNamespacesAsync(script.ToString(), directory, configuration, cancellationToken);

            Assert.That(status, Is.Zero, output);
            var printed = output.Split(Mark)[1..];
            foreach (var (index, step) in steps.Index())
            {
                var actual = printed[index].Split('\n');
                var next = 0;
                foreach (var line in step.Prints)
                {
                    var expected = new Regex($"^ *{Regex.Escape(line.Trim()).Replace("…", ".*", StringComparison.Ordinal)}$");
                    next = Array.FindIndex(actual, next, expected.IsMatch) + 1;
                    Assert.That(next, Is.Positive, $"{step.Command} does not print: {line}\n{output}");
                }
            }
        }
        finally
        {
            File.Delete(configuration);
            Directory.Delete(directory, recursive: true);
        }
    }

    // A command, and the lines behind it.
    private static IEnumerable<(string Command, List<string> Prints)> StepsOf(string block)
    {
        (string Command, List<string> Prints)? step = null;
        foreach (var line in block.TrimEnd('\n').Split('\n'))
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                if (step is { } before)
                    yield return before;
                step = (line[2..], []);
            }
            else
            {
                step?.Prints.Add(line);
            }
        }

        if (step is { } last)
            yield return last;
    }

    private static Task<(int Status, string Output)> InNamespacesAsync(
        string script, string directory, string configuration, CancellationToken cancellationToken) =>
        OutsideProcess.RunAsync(
            "unshare",
            ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "env", $"SANDBOX={directory}", $"SANDBOX_CONFIG={configuration}",
                $"REPOSITORY={Repository.Root}", $"PROGRAM={Path.Combine(AppContext.BaseDirectory, "smtpshield.dll")}", "bash", "-c", "exec bash <(cat) 2>&1"],
            s_limit,
            cancellationToken,
            script);

    [GeneratedRegex(@"(?ms)^```\n(.*?)^```$")]
    private static partial Regex Block();
}
