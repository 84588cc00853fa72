using SmtpShield.Observe;

namespace SmtpShield.Metrics;

/// <summary>What became of a connection: decided when its client is greeted, or else when it ends.</summary>
internal enum ConnectionOutcome : byte
{
    /// <summary>Its client was greeted, or has gone by itself before.</summary>
    Served,

    /// <summary>Its client was told in place of the greeting, or by a close, that it can't be served.</summary>
    Refused,

    /// <summary>Its client is banned.</summary>
    Banned,

    /// <summary>No PROXY header said whose it is.</summary>
    Unidentified,

    /// <summary>Its client talked before it was greeted.</summary>
    EarlyTalk,
}

/// <summary>Which outcome an end without a greeting is.</summary>
internal static class ConnectionOutcomes
{
    /// <summary>The outcome.</summary>
    public static ConnectionOutcome Of(SessionEndReason reason) => reason switch
    {
        SessionEndReason.Banned => ConnectionOutcome.Banned,
        SessionEndReason.TalkedFirst => ConnectionOutcome.EarlyTalk,
        SessionEndReason.NoProxyHeader => ConnectionOutcome.Unidentified,
        SessionEndReason.ConnectionLimit or SessionEndReason.HandshakeRefused or SessionEndReason.HandshakeLimit or SessionEndReason.NoUpstream
            or SessionEndReason.Shutdown or SessionEndReason.Shed => ConnectionOutcome.Refused,
        _ => ConnectionOutcome.Served,
    };
}
