# To be sourced by bash in this directory: README.md. It needs redis-server, haproxy, smtp-sink (Postfix has it), openssl, python3 and smtpshield.
BALANCER=2525 FIRST=2601 SECOND=2602 SINK=2603 STORE=6379

export SMTP=127.0.0.1:$BALANCER SHIELD1=127.0.0.1:$FIRST SHIELD2=127.0.0.1:$SECOND
export SMTPSHIELD_SHIELD_UPSTREAM=127.0.0.1:$SINK SMTPSHIELD_SHIELD_PROXY_SOURCES=127.0.0.1
export SMTPSHIELD_SHIELD_SHARED_STORE=redis://127.0.0.1:$STORE SMTPSHIELD_SHIELD_SHARED_PASSWORD_FILE=$PWD/run/store.password
export SMTPSHIELD_SHIELD_STATE_DIRECTORY=

# Starts one of: store, sink, balancer, shield1, shield2. What it prints is in run/NAME.out, its process id in run/NAME.pid.
start() {
    case $1 in
        store) set -- "$1" redis-server redis.conf --port "$STORE" --aclfile run/smtpshield.acl ;;
        sink) set -- "$1" smtp-sink $([ "$(id -u)" -gt 0 ] || echo -u nobody) -h mail.example.com "127.0.0.1:$SINK" 100 ;;
        balancer) set -- "$1" haproxy -db -f haproxy.cfg ;;
        shield1) set -- "$1" env "SMTPSHIELD_SHIELD_LISTEN=$SHIELD1" ;;
        shield2) set -- "$1" env "SMTPSHIELD_SHIELD_LISTEN=$SHIELD2" ;;
    esac
    case $1 in
        shield*) set -- "$@" "SMTPSHIELD_SHIELD_SHARED_NAME=$1" "SMTPSHIELD_SHIELD_CONTROL_SOCKET=$PWD/run/$1.sock" "SMTPSHIELD_MAILLOG_FILE=$PWD/run/$1.log" \
            smtpshield run -c main.cf ;;
    esac
    local name=$1
    shift
    "$@" >"run/$name.out" 2>&1 &
    echo $! >"run/$name.pid"
    disown
}

# Ends one of them; with -KILL it can't say goodbye.
stop() {
    kill "${2:--TERM}" "$(cat "run/$1.pid")"
}
