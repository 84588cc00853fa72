# Types the walkthroughs: python3 type.py PAGE... prints, for each code block of each page, "==== block" and what stands on the screen or in the log then.
# Ends with 77 where the machine is too slow for what a page does within a minute, or within the ten seconds for a command under stress.
import os, pty, re, select, subprocess, sys, time

LOG = "/var/log/smtpshield.log"
OTHER_HOST = ["ip", "netns", "exec", "other"]
# A state is waited for; this is when it is given up.
PATIENCE = 120


def until(state, what):
    end = time.monotonic() + PATIENCE
    while not (found := state()):
        if time.monotonic() > end:
            sys.exit(f"in {PATIENCE} s not: {what}")
        time.sleep(0.05)
    return found


def typed(command, host=()):
    return subprocess.run([*host, "bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


class Telnet:
    """A terminal of the other host. Lines of a page that begin with a command of SMTP are typed, the others are waited for."""

    def __init__(self):
        self.screen, self.ended = "", False
        process, self.terminal = pty.fork()
        if process == 0:
            os.execvp("ip", [*OTHER_HOST, "telnet", "mail.example.com", "25"])

    def play(self, lines):
        """Returns what came on the screen, of as many lines, or up to the end."""
        before = len(self.screen.splitlines())
        for count, line in enumerate(lines, before + 1):
            if re.match("(HELO|MAIL|RCPT|NOSUCH|QUIT)\\b", line):
                os.write(self.terminal, f"{line}\n".encode())
            self.read(lambda: self.screen.count("\n") >= count, line)
        return "".join(f"{line}\n" for line in self.screen.splitlines()[before:])

    def read(self, state, what):
        end = time.monotonic() + PATIENCE
        while not self.ended and not state():
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                sys.exit(f"in {PATIENCE} s telnet does not show: {what}\n{self.screen}")
            try:
                self.screen += os.read(self.terminal, 4096).decode().replace("\r", "")
            except OSError:
                self.ended = True


def greeted():
    telnet = Telnet()
    telnet.play(CONNECTED + ["220"])
    if "\n220 " not in telnet.screen:
        sys.exit(f"not greeted:\n{telnet.screen}")
    return telnet


def quit_all(*terminals):
    for telnet in terminals:
        if not telnet.ended:
            os.write(telnet.terminal, b"QUIT\n")
        telnet.read(lambda: False, "the end")


def commands(block):
    printed = ""
    for line in block:
        if re.match("[#$] ", line):
            printed += line + "\n" + typed(line[2:], OTHER_HOST if line[0] == "$" else ())
    return printed


# The end of the log, as many lines as the page has, once the last of them is there.
def logged(block):
    bare = lambda line: line.split(": ", 1)[-1]
    last = lambda: open(LOG, encoding="utf-8").read().splitlines()[-len(block):]
    until(lambda: sorted(map(bare, last())) == sorted(map(bare, block)), "\n".join(block + ["but"] + last()))
    return "".join(f"{line}\n" for line in last())


def first_walk(blocks):
    yield from map(commands, blocks[:2])
    begin = time.monotonic()
    yield telnet_shown(blocks[2])
    yield commands(blocks[3])
    yield telnet_shown(blocks[4])
    explained = commands(blocks[6])
    within(55, begin)
    yield logged(blocks[5])
    yield explained
    yield until(lambda: forgotten(commands(blocks[7])), "nothing is counted any more")
    quit_all(greeted())
    yield commands(blocks[8])


def second_walk(blocks):
    yield from map(commands, blocks[:3])
    yield telnet_shown(blocks[3])
    yield logged(blocks[4])
    yield from map(commands, blocks[5:7])
    one, two = greeted(), greeted()
    yield telnet_shown(blocks[7])
    yield logged(blocks[8])
    quit_all(one)
    quit_all(greeted(), two)
    until(lambda: re.search("^smtp +0 ", typed("smtpshield status"), re.M), "no session is open")
    yield from map(commands, blocks[9:11])
    begin = time.monotonic()
    one, two = greeted(), greeted()
    three = Telnet()
    yield blocks[11][0] + "\n" + three.play(blocks[11][1:])
    yield commands(blocks[12])
    yield one.play(blocks[13])
    yield three.play(blocks[14])
    within(9, begin)
    yield logged(blocks[15])
    yield commands(blocks[16])
    quit_all(two)


def within(seconds, begin):
    if time.monotonic() - begin > seconds:
        sys.exit(77)


def forgotten(shown):
    return shown if "unknown: nothing is counted" in shown else None


def telnet_shown(block):
    return block[0] + "\n" + Telnet().play(block[1:])


def blocks_of(page):
    with open(page, encoding="utf-8") as file:
        return [block.splitlines() for block in re.findall("(?ms)^```\n(.*?)^```$", file.read())]


for page, walk in zip(sys.argv[1:], (first_walk, second_walk)):
    found = blocks_of(page)
    CONNECTED = next(block for block in found if "telnet" in block[0] and block[0][0] == "$")[1:4]
    for shown in walk(found):
        print("==== block\n" + shown, end="", flush=True)
