# What surrounds the commands of the walkthroughs: a file system of its own above the machine's, two hosts with a network between them, and on one of them a
# Postfix with a shield before it, as docs/tasks/start-here.md leaves them. Run by unshare(1) with --mount --net --pid; its end ends all it started.
set -eu
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8

mount -t tmpfs tmpfs "$SANDBOX"
for directory in etc usr var; do
    mkdir -p "$SANDBOX/$directory/upper" "$SANDBOX/$directory/work"
    mount -t overlay overlay -o "lowerdir=/$directory,upperdir=$SANDBOX/$directory/upper,workdir=$SANDBOX/$directory/work" "/$directory"
done
mount -t tmpfs tmpfs /run
mkdir /run/smtpshield

# mail.example.com is here, and the other host in a namespace of its own.
ip link set lo up
ip netns add other
ip link add mail type veth peer name other
ip link set other netns other
ip address add 192.0.2.25/24 dev mail
ip link set mail up
ip -n other address add 192.0.2.1/24 dev other
ip -n other link set other up
printf '127.0.0.1 localhost\n192.0.2.25 mail.example.com\n' > /etc/hosts

# Debian's Postfix without a certificate. Its log is a file, as no syslog runs here.
postconf -e 'myhostname = mail.example.com' 'mydestination = example.com' 'mynetworks = 127.0.0.1/32' 'inet_interfaces = all' \
    'inet_protocols = ipv4' 'alias_maps =' 'alias_database =' 'local_recipient_maps = unix:passwd.byname' 'mailbox_transport = discard' \
    'default_transport = discard' 'relay_transport = discard' 'smtpd_peername_lookup = no' 'maillog_file = /var/log/mail.log' \
    'smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination'
for parameter in smtpd_tls_cert_file smtpd_tls_key_file smtpd_tls_security_level; do postconf -X "$parameter"; done
postconf -M 'smtp/inet=smtp inet n - n - - smtpd'
grep -q '^postlog' /etc/postfix/master.cf || postconf -M 'postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd'
rm -rf /var/spool/postfix/pid/* /var/log/mail.log /var/lib/postfix/master.lock /etc/smtpshield
postfix start

printf '#!/bin/bash\nexec %s "$@"\n' "$PROGRAM" > /usr/bin/smtpshield
printf '#!/bin/bash\nsmtpshield run > /var/log/smtpshield.log 2>&1 < /dev/null &\necho $! > /run/smtpshield.pid\n' > /usr/bin/start-shield
printf '#!/bin/bash\nkill "$(cat /run/smtpshield.pid)"\n' > /usr/bin/stop-shield
chmod 755 /usr/bin/smtpshield /usr/bin/start-shield /usr/bin/stop-shield
smtpshield import --apply /etc/postfix --user root --start start-shield --stop stop-shield --wait 120 > "$SANDBOX/import.log" 2>&1 \
    || { cat "$SANDBOX/import.log"; exit 1; }
