# What surrounds the commands of docs/tasks/start-here.md: a file system of its own above the machine's, a network of its own, a Postfix that has what people
# have, and a stand-in for systemd. Run by unshare(1) with --mount --net --pid; its end ends all it started.
set -eu
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8

mount -t tmpfs tmpfs "$SANDBOX"
for directory in etc usr var; do
    mkdir -p "$SANDBOX/$directory/upper" "$SANDBOX/$directory/work"
    mount -t overlay overlay -o "lowerdir=/$directory,upperdir=$SANDBOX/$directory/upper,workdir=$SANDBOX/$directory/work" "/$directory"
done
mount -t tmpfs tmpfs /run
ip link set lo up
echo '127.0.0.1 localhost mail.example.com' > /etc/hosts
rm -rf /usr/lib/smtpshield /usr/bin/smtpshield /etc/smtpshield

# The source, without what builds have left in it.
mkdir "$SANDBOX/source"
tar -C "$REPOSITORY" --exclude=bin --exclude=obj -cf - src deploy Directory.Build.props Directory.Packages.props | tar -C "$SANDBOX/source" -xf -

# A certificate where Debian keeps one.
getent group ssl-cert > /dev/null || groupadd --system ssl-cert
mkdir -p /etc/ssl/private /etc/ssl/certs
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=mail.example.com \
    -keyout /etc/ssl/private/mail.key -out /etc/ssl/certs/mail.pem 2> /dev/null
chown root:ssl-cert /etc/ssl/private /etc/ssl/private/mail.key
chmod 710 /etc/ssl/private
chmod 640 /etc/ssl/private/mail.key

# A Postfix with submission, SASL, TLS and limits, made from Debian's. Its log is a file, as no syslog runs here.
postconf -e 'myhostname = mail.example.com' 'mydestination = example.com' 'mynetworks = 127.0.0.1/32' 'inet_interfaces = all' \
    'inet_protocols = ipv4' 'alias_maps =' 'alias_database =' 'local_recipient_maps =' \
    'mailbox_transport = discard' 'default_transport = discard' 'relay_transport = discard' \
    'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination' \
    'smtpd_peername_lookup = no' 'maillog_file = /var/log/mail.log' 'smtpd_tls_cert_file = /etc/ssl/certs/mail.pem' \
    'smtpd_tls_key_file = /etc/ssl/private/mail.key' 'smtpd_tls_security_level = may' \
    'smtpd_tls_auth_only = yes' 'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = inet:127.0.0.1:12345' \
    'smtpd_sasl_security_options = noanonymous, noplaintext' 'smtpd_sasl_tls_security_options = noanonymous' \
    'smtpd_client_connection_count_limit = 20' 'smtpd_client_connection_rate_limit = 100' 'smtpd_hard_error_limit = 8'
postconf -M 'smtp/inet=smtp inet n - n - - smtpd'
postconf -M 'submission/inet=submission inet n - n - 50 smtpd -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt '\
'-o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject'
postconf -M 'smtps/inet=smtps inet n - n - 50 smtpd -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes '\
'-o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject'
grep -q '^postlog' /etc/postfix/master.cf || postconf -M 'postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd'
rm -f /var/spool/postfix/pid/* /var/log/mail.log /var/lib/postfix/master.lock

# Its authentication server, in Dovecot's protocol: one account, user and secret.
cat > "$SANDBOX/sasl.py" << 'PYTHON'
import base64, socketserver
class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t1\nDONE\n")
        for line in self.rfile:
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] not in ("AUTH", "CONT"):
                continue
            response = fields[2] if fields[0] == "CONT" else next((f[5:] for f in fields if f.startswith("resp=")), None)
            if response is None:
                self.wfile.write(f"CONT\t{fields[1]}\t\n".encode())
            else:
                good = base64.b64decode(response).split(b"\0")[1:] == [b"user", b"secret"]
                self.wfile.write(f"{'OK' if good else 'FAIL'}\t{fields[1]}\tuser=user\n".encode())
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 12345), Session).serve_forever()
PYTHON
python3 "$SANDBOX/sasl.py" > "$SANDBOX/sasl.log" 2>&1 < /dev/null &

# systemd: what the page asks of it. It starts what the unit file says, as the user it says, with its directories and the capability for port 25.
mkdir -p /run/systemd/system
cat > /usr/local/bin/systemctl << 'SYSTEMCTL'
#!/bin/bash
unit=/etc/systemd/system/smtpshield.service
value() { sed -n "s/^$1=//p" "$unit"; }
case "$*" in
    daemon-reload) [ -f "$unit" ] ;;
    'enable --now smtpshield')
        run=/run/$(value RuntimeDirectory) state=/var/lib/$(value StateDirectory)
        install -d -o "$(value User)" -g "$(value Group)" "$run" "$state"
        env -i PATH="$PATH" RUNTIME_DIRECTORY="$run" STATE_DIRECTORY="$state" DOTNET_EnableDiagnostics=0 \
            setpriv --reuid="$(value User)" --regid="$(value Group)" --init-groups \
            --inh-caps=+net_bind_service --ambient-caps=+net_bind_service $(value ExecStart) > /var/log/smtpshield.log 2>&1 < /dev/null &
        echo $! > /run/smtpshield.pid
        ;;
    'disable --now smtpshield')
        kill "$(cat /run/smtpshield.pid)" \
            && while kill -0 "$(cat /run/smtpshield.pid)" 2> /dev/null; do read -rt 0.1 < <(exec tail -f /dev/null) || true; done
        ;;
    *) echo "systemctl $*: not in this stand-in" >&2; exit 1 ;;
esac
SYSTEMCTL
chmod 755 /usr/local/bin/systemctl

postfix start
cd "$SANDBOX/source"
cat > "$SANDBOX/look.py" << 'PYTHON'
# What a client meets: look.py before | guarded | tuned
import smtplib, socket, ssl, sys
context = ssl._create_unverified_context()
def connect(port, kind=smtplib.SMTP, source="127.85.0.9", **more):
    return kind("127.0.0.1", port, "client.example", source_address=(source, 0), timeout=60, **more)
def submit(server):
    server.login("user", "secret")
    server.sendmail("user@example.com", "x@elsewhere.example", "Subject: x\n\nx\n")
    server.quit()
with connect(25) as server:
    server.starttls(context=context)
    assert server.mail("a@client.example")[0] == 250
    assert server.rcpt("user@example.com")[0] == 250
    code, text = server.rcpt("x@elsewhere.example")
    assert code == 554 and b"Relay access denied" in text, (code, text)
server = connect(587)
assert "auth" not in (server.ehlo() and server.esmtp_features), "no AUTH outside of TLS"
server.starttls(context=context)
submit(server)
submit(connect(465, smtplib.SMTP_SSL, context=context))
if sys.argv[1] == "tuned":
    codes = []
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", 25), 60, ("127.85.0.10", 0)) as client:
            codes.append(client.recv(3).decode())
    assert codes[:10] == ["220"] * 10 and codes[10:] == ["421"] * 20, codes
PYTHON
# What is tuned is in force "a second after": the log says when.
in_force() { grep -qm 1 'reload: .*smtpd_client_connection_rate_limit 100 -> 10' < <(exec tail -n +1 -F /var/log/smtpshield.log); }
look() { [ "$1" != tuned ] || in_force; python3 "$SANDBOX/look.py" "$1"; echo "== $1: a client finds what it should"; }
files() { (cd /etc/postfix; find . -type f -exec stat -c '%n %a %u:%g' {} + -exec sha256sum {} + | sort); }
files > "$SANDBOX/files-before"
look before
