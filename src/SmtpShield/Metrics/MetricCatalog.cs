namespace SmtpShield.Metrics;

/// <summary>All metrics there are. Each has a section in docs/reference/metrics.md.</summary>
internal static class MetricCatalog
{
    private const string Service = "service";
    private const string Destination = "destination";

    public static readonly MetricDefinition Connections = new("smtpshield_connections_total", MetricKind.Counter,
        "Connections of clients, by what became of them.", Service, "outcome");

    public static readonly MetricDefinition Sessions = new("smtpshield_sessions", MetricKind.Gauge,
        "Sessions with clients, by what they are doing.", Service, "state");

    public static readonly MetricDefinition SessionsEnded = new("smtpshield_sessions_ended_total", MetricKind.Counter,
        "Connections of clients that are over, refused ones too, by why.", Service, "reason");

    public static readonly MetricDefinition SessionDuration = new("smtpshield_session_duration_seconds", MetricKind.Histogram,
        "How long connections of clients lasted.", Service) { Bounds = [0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800] };

    public static readonly MetricDefinition Commands = new("smtpshield_commands_total", MetricKind.Counter,
        "Commands of clients that got their final reply, by verb and class of the reply.", Service, "verb", "class");

    public static readonly MetricDefinition Messages = new("smtpshield_messages_total", MetricKind.Counter,
        "Messages whose content has begun, by what became of them.", Service, "outcome");

    public static readonly MetricDefinition Recipients = new("smtpshield_recipients_total", MetricKind.Counter,
        "Recipients (RCPT), by what became of them.", Service, "outcome");

    public static readonly MetricDefinition MessageSize = new("smtpshield_message_size_bytes", MetricKind.Histogram,
        "Octets of messages that got their final reply.", Service)
    {
        Bounds = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20],
    };

    public static readonly MetricDefinition LimitHits = new("smtpshield_limit_hits_total", MetricKind.Counter,
        "Times a limit was exceeded, by the limit's parameter.", Service, "rule", "mode");

    public static readonly MetricDefinition ClientsLimited = new("smtpshield_clients_limited", MetricKind.Gauge,
        "Clients a limit refuses what they do next, by the limit's parameter.", Service, "rule");

    public static readonly MetricDefinition Delays = new("smtpshield_delays_total", MetricKind.Counter,
        "Replies that waited for smtpd_error_sleep_time.", Service);

    public static readonly MetricDefinition DelaySeconds = new("smtpshield_delay_seconds_total", MetricKind.Counter,
        "How long they had to wait, all together.", Service);

    public static readonly MetricDefinition ClientsTracked = new("smtpshield_clients_tracked", MetricKind.Gauge,
        "Clients in the table of counts.");

    public static readonly MetricDefinition ClientTableSize = new("smtpshield_client_table_size", MetricKind.Gauge,
        "Clients the table of counts has room for (shield_client_table_size).");

    public static readonly MetricDefinition ClientsEvicted = new("smtpshield_clients_evicted_total", MetricKind.Counter,
        "Clients that were forgotten before their time, because the table was full.");

    public static readonly MetricDefinition ClientsUntracked = new("smtpshield_clients_untracked_total", MetricKind.Counter,
        "Events of clients that were not counted, because the table was full.");

    public static readonly MetricDefinition HistoryClients = new("smtpshield_history_clients", MetricKind.Gauge,
        "Clients of which is remembered what they were refused (shield_history_size).");

    public static readonly MetricDefinition HistoryDropped = new("smtpshield_history_dropped_total", MetricKind.Counter,
        "Clients whose refusals were forgotten, because the room was needed.");

    public static readonly MetricDefinition SharedShields = new("smtpshield_shared_shields", MetricKind.Gauge,
        "Shields that count together, this one included; 0: it counts alone.");

    public static readonly MetricDefinition SharedBacklog = new("smtpshield_shared_backlog", MetricKind.Gauge,
        "Clients that wait to be reported to the store.", "store");

    public static readonly MetricDefinition SharedAnswerAge = new("smtpshield_shared_answer_age_seconds", MetricKind.Gauge,
        "Seconds since the store has answered.", "store");

    public static readonly MetricDefinition SharedWaits = new("smtpshield_shared_waits_total", MetricKind.Counter,
        "Events that were to wait for what other shields count, by what became of it.", "outcome");

    public static readonly MetricDefinition Bans = new("smtpshield_bans", MetricKind.Gauge,
        "Bans in force, by where they hold and who made them.", "place", "origin");

    public static readonly MetricDefinition BansForKernel = new("smtpshield_bans_for_kernel", MetricKind.Gauge,
        "Bans the kernel should carry out, of a firewall helper that has not said it stops.");

    public static readonly MetricDefinition BanTableSize = new("smtpshield_ban_table_size", MetricKind.Gauge,
        "Bans there is room for (shield_ban_table_size).");

    public static readonly MetricDefinition BansMade = new("smtpshield_bans_made_total", MetricKind.Counter,
        "Bans the shield has made for what clients did, by where they did it last.", Service);

    public static readonly MetricDefinition BanRefusals = new("smtpshield_ban_refusals_total", MetricKind.Counter,
        "Connections and sessions of banned clients that were ended.", Service);

    public static readonly MetricDefinition BansSuspended = new("smtpshield_bans_suspended", MetricKind.Gauge,
        "1: the shield bans nobody itself now, because its MTA may be what is wrong.", Service);

    public static readonly MetricDefinition Stress = new("smtpshield_stress", MetricKind.Gauge,
        "1: new sessions get the stress values, because of this.", Service, "cause");

    public static readonly MetricDefinition ProcessLimit = new("smtpshield_process_limit", MetricKind.Gauge,
        "Sessions the service may have (default_process_limit, or what fits of it).", Service);

    public static readonly MetricDefinition Handshakes = new("smtpshield_tls_handshakes_total", MetricKind.Counter,
        "TLS handshakes with clients, by what became of them.", Service, "outcome");

    public static readonly MetricDefinition HandshakesUnderWay = new("smtpshield_tls_handshakes_under_way", MetricKind.Gauge,
        "TLS handshakes with clients that are not over.", Service);

    public static readonly MetricDefinition CertificateExpiry = new("smtpshield_certificate_expiry_timestamp_seconds", MetricKind.Gauge,
        "When the first of the service's certificates expires.", Service);

    public static readonly MetricDefinition UpstreamUp = new("smtpshield_upstream_up", MetricKind.Gauge,
        "1: the MTA gets sessions; 0: it is down or taken out.", Destination);

    public static readonly MetricDefinition UpstreamSessions = new("smtpshield_upstream_sessions", MetricKind.Gauge,
        "Sessions with the MTA.", Destination);

    public static readonly MetricDefinition UpstreamSessionLimit = new("smtpshield_upstream_session_limit", MetricKind.Gauge,
        "Sessions the MTA may have now; none: any number.", Destination);

    public static readonly MetricDefinition UpstreamQueue = new("smtpshield_upstream_queue", MetricKind.Gauge,
        "Clients that wait for a session with the MTA.", Destination);

    public static readonly MetricDefinition UpstreamDials = new("smtpshield_upstream_dials_total", MetricKind.Counter,
        "Tries to reach the MTA for a client, by what became of them.", Destination, "outcome");

    public static readonly MetricDefinition UpstreamReplyDuration = new("smtpshield_upstream_reply_duration_seconds", MetricKind.Histogram,
        "How long the MTA took to answer.", Destination, "phase") { Bounds = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300] };

    public static readonly MetricDefinition LogLines = new("smtpshield_log_lines_total", MetricKind.Counter,
        "Lines of the log, those that were lost included.", "level");

    public static readonly MetricDefinition LogLinesLost = new("smtpshield_log_lines_lost_total", MetricKind.Counter,
        "Lines that did not get into the log, because they came faster than it takes them.");

    public static readonly MetricDefinition EventLogLinesLost = new("smtpshield_event_log_lines_lost_total", MetricKind.Counter,
        "Lines that did not get into the log as JSON (shield_event_log_file), because they came faster than it takes them.");

    public static readonly MetricDefinition ControlRequests = new("smtpshield_control_requests_total", MetricKind.Counter,
        "Requests over HTTP, by where they came in and the class of the answer.", "listener", "class");

    public static readonly MetricDefinition ConfigReloads = new("smtpshield_config_reloads_total", MetricKind.Counter,
        "Times the configuration was read again.", "result");

    public static readonly MetricDefinition ConfigValid = new("smtpshield_config_valid", MetricKind.Gauge,
        "1: the configuration as it was read last is in force; 0: it has errors, and the earlier one is.");

    public static readonly MetricDefinition OverrideActive = new("smtpshield_override_active", MetricKind.Gauge,
        "1: the service goes by a value that was set at run time (smtpshield limits set).", Service, "rule");

    public static readonly MetricDefinition OverrideEnd = new("smtpshield_override_end_timestamp_seconds", MetricKind.Gauge,
        "When that value ends by itself; of those that do.", Service, "rule");

    public static readonly MetricDefinition Build = new("smtpshield_build_info", MetricKind.Gauge,
        "1; the version is in the labels.", "version", "runtime");

    public static readonly MetricDefinition ProcessorTime = new("process_cpu_seconds_total", MetricKind.Counter,
        "Processor time of the process.");

    public static readonly MetricDefinition ResidentMemory = new("process_resident_memory_bytes", MetricKind.Gauge,
        "Memory of the process that is resident.");

    public static readonly MetricDefinition StartTime = new("process_start_time_seconds", MetricKind.Gauge,
        "When the shield was started.");

    public static readonly MetricDefinition Collections = new("dotnet_gc_collections_total", MetricKind.Counter,
        "Garbage collections, by generation.", "generation");

    public static readonly MetricDefinition CollectionPauses = new("dotnet_gc_pause_seconds_total", MetricKind.Counter,
        "How long garbage collections stopped everything, all together.");

    public static readonly MetricDefinition Heap = new("dotnet_gc_heap_bytes", MetricKind.Gauge,
        "Octets of objects on the heap, dead ones that were not collected yet included.");

    public static readonly MetricDefinition Allocated = new("dotnet_gc_allocated_bytes_total", MetricKind.Counter,
        "Octets of objects that were made.");

    public static readonly MetricDefinition PoolThreads = new("dotnet_thread_pool_threads", MetricKind.Gauge,
        "Threads of the pool.");

    public static readonly MetricDefinition PoolQueue = new("dotnet_thread_pool_queue", MetricKind.Gauge,
        "What waits for a thread of the pool.");

    /// <summary>All of them, in the order in which they are written.</summary>
    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        Connections, Sessions, SessionsEnded, SessionDuration, Commands, Messages, Recipients, MessageSize, LimitHits, ClientsLimited, Delays, DelaySeconds,
        ClientsTracked, ClientTableSize, ClientsEvicted, ClientsUntracked, HistoryClients, HistoryDropped, SharedShields, SharedBacklog,
        SharedAnswerAge, SharedWaits, Bans, BansForKernel, BanTableSize, BansMade, BanRefusals, BansSuspended, Stress, ProcessLimit,
        Handshakes, HandshakesUnderWay, CertificateExpiry,
        UpstreamUp, UpstreamSessions, UpstreamSessionLimit, UpstreamQueue, UpstreamDials, UpstreamReplyDuration,
        LogLines, LogLinesLost, EventLogLinesLost, ControlRequests, ConfigReloads, ConfigValid, OverrideActive, OverrideEnd, Build,
        ProcessorTime, ResidentMemory, StartTime, Collections, CollectionPauses, Heap, Allocated, PoolThreads, PoolQueue,
    ];
}
