#!/usr/bin/env python3
"""What a held session costs: the growth of the program's memory with many sessions in one state, divided by their number.

    held-sessions.py [--sessions 1000] [--program PATH] [STATE ...]

Each state gets a program of its own, with an MTA that answers everything with 250. Before the first figure a session of the state is held and ended, so that
its code is compiled; then, and when all sessions are held, the figures are read once memory has been given back (the program does so when it has been quiet
for some seconds).
VmRSS is what the program has resident, PSS the same with shared pages divided by those who share them (/proc/PID/smaps_rollup).
"""
import argparse, os, selectors, shutil, signal, socket, ssl, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "../../src/SmtpShield.Host/bin/Release/net10.0/smtpshield.dll")
QUIET = 7  # seconds: two looks of the trim behind a busy one, and the collection


def mta(listener):
    """Answers each line with 250, DATA with 354; content ends with nothing here."""
    chosen = selectors.DefaultSelector()
    listener.setblocking(False)
    chosen.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            try:
                if key.fileobj is listener:
                    client, _ = listener.accept()
                    client.setblocking(False)
                    chosen.register(client, selectors.EVENT_READ)
                    client.send(b"220 mta.example.test ESMTP\r\n")
                    continue
                octets = key.fileobj.recv(65536)
                for line in octets.split(b"\r\n")[:-1]:
                    verb = line[:4].upper()
                    replies = {b"DATA": b"354 go on\r\n", b"EHLO": b"250-mta.example.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"}
                    key.fileobj.send(replies.get(verb, b"250 ok\r\n"))
                if octets:
                    continue
            except OSError:
                pass
            if key.fileobj is not listener:
                chosen.unregister(key.fileobj)
                key.fileobj.close()


def reply(client):
    octets = b""
    while not octets.endswith(b"\n") or octets.rstrip().split(b"\n")[-1][3:4] == b"-":
        part = client.recv(4096)
        if not part:
            raise SystemExit(f"the shield ended a session: {octets!r}")
        octets += part
    return octets


def say(client, line):
    client.sendall(line.encode() + b"\r\n")
    return reply(client)


def idle(client):
    say(client, "EHLO client.example")
    return client


def half(client):
    idle(client).sendall(b"MAIL FROM:<some")
    return client


def content(client):
    for line in ("EHLO client.example", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.test>", "DATA"):
        answer = say(client, line)
    assert answer.startswith(b"354"), answer
    client.sendall(b"Subject: held\r\n\r\n" + b"some words of content\r\n" * 40)
    return client


def tarpitted(client):
    idle(client).sendall(b"VRFY\r\nNOOP wrong wrong\r\nETRN\r\n")
    return client


def ahead(client):
    """A reply is delayed, and the client has sent all it may meanwhile."""
    return fill(idle(client))


def fill(client):
    client.sendall(b"ETRN\r\n")
    client.setblocking(False)
    try:
        for _ in range(64):
            client.send(b"RCPT TO:<somebody@example.test>\r\n" * 100)
    except (BlockingIOError, ssl.SSLWantWriteError):
        pass
    return client


def stalled(client):
    idle(client)
    say(client, "STARTTLS")
    return client


def tls(client):
    stalled(client)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return idle(context.wrap_socket(client))


def tls_ahead(client):
    """The same inside TLS."""
    return fill(tls(client))


STATES = {
    "idle": (idle, {}),
    "half-a-command": (half, {"shield_request_deadline": "3600s"}),
    "content": (content, {"smtpd_min_data_rate": "1"}),
    "tarpitted": (tarpitted, {"smtpd_soft_error_limit": "1", "smtpd_error_sleep_time": "3600s"}),
    "sent-ahead": (ahead, {"smtpd_soft_error_limit": "1", "smtpd_error_sleep_time": "3600s"}),
    "stalled-handshake": (stalled, {"smtpd_starttls_timeout": "3600s", "shield_tls_handshake_timeout": "3600s", "shield_tls_handshake_limit": "100000"}),
    "tls": (tls, {"shield_tls_handshake_limit": "100000"}),
    "tls-sent-ahead": (tls_ahead, {"shield_tls_handshake_limit": "100000", "smtpd_soft_error_limit": "1", "smtpd_error_sleep_time": "3600s"}),
}


def memory(process):
    """VmRSS, PSS, in KiB."""
    def figure(path, name):
        with open(f"/proc/{process}/{path}") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    return figure("status", "VmRSS"), figure("smaps_rollup", "Pss")


def connect(port, number):
    client = socket.socket()
    client.settimeout(60)
    client.bind((f"127.77.{number // 250}.{1 + number % 250}", 0))
    client.connect(("127.0.0.1", port))
    reply(client)
    return client


def measure(arguments, state, directory, upstream):
    enter, parameters = STATES[state]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    values = {
        "shield_listen": f"127.0.0.1:{port}", "shield_upstream": f"127.0.0.1:{upstream}", "myhostname": "mail.example.test", "mynetworks": "127.255.255.254/32",
        "maillog_file": f"{directory}/maillog", "smtpd_tls_chain_files": f"{directory}/chain.pem", "smtpd_tls_security_level": "may", "smtpd_timeout": "3600s",
        "shield_drain_timeout": "0", **parameters}
    with open(f"{directory}/main.cf", "w") as file:
        file.writelines(f"{name} = {value}\n" for name, value in values.items())
    command = [arguments.program] if not arguments.program.endswith(".dll") else ["dotnet", arguments.program]
    shield = subprocess.Popen(command + ["run", "-c", f"{directory}/main.cf"])
    try:
        for _ in range(300):
            time.sleep(0.1)
            try:
                connect(port, 0).close()
                break
            except OSError:
                if shield.poll() is not None:
                    raise SystemExit("the shield does not start")
        enter(connect(port, 0)).close()
        time.sleep(QUIET)
        before = memory(shield.pid)
        held = [enter(connect(port, number)) for number in range(arguments.sessions)]
        at_once = memory(shield.pid)
        time.sleep(QUIET)
        quiet = memory(shield.pid)
        per_session = [(after - first) / arguments.sessions for after in (at_once, quiet) for after, first in zip(after, before)]
        print(f"| {state} | {before[0] / 1024:.0f} MiB | " + " | ".join(f"{kilobytes:.1f} KiB" for kilobytes in per_session) + " |", flush=True)
        for client in held:
            client.close()
    finally:
        shield.terminate()
        shield.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("states", nargs="*", metavar="STATE", help=", ".join(STATES))
    arguments = parser.parse_args()
    unknown = set(arguments.states) - set(STATES)
    if unknown:
        parser.error(f"no state {', '.join(unknown)}; there are {', '.join(STATES)}")
    directory = tempfile.mkdtemp(prefix="smtpshield-measure-")
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        mta(listener)
    try:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=mail.example.test", "-days", "2",
                        "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
        with open(f"{directory}/chain.pem", "w") as chain:
            for part in ("key.pem", "cert.pem"):
                chain.write(open(f"{directory}/{part}").read())
        print(f"{arguments.sessions} sessions, growth a session\n")
        print("| State | empty | VmRSS at once | PSS at once | VmRSS quiet | PSS quiet |\n| --- | --- | --- | --- | --- | --- |")
        for state in arguments.states or STATES:
            measure(arguments, state, directory, listener.getsockname()[1])
    finally:
        os.kill(child, signal.SIGTERM)
        os.wait()
        shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
