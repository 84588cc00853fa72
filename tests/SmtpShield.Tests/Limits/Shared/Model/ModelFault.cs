namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>A rule that is left out, or is another one: the model must find what that leads to.</summary>
internal enum ModelFault
{
    None,

    /// <summary>Connections of the dead stay.</summary>
    NoReaping,

    /// <summary>A store that lacks what it has acknowledged does not notice.</summary>
    NoGapCheck,

    /// <summary>Who was taken for dead is not asked for everything.</summary>
    NoAskingAfterDeath,

    /// <summary>Everything is asked for once, not until a call says that it was heard.</summary>
    AskedOnce,

    /// <summary>A shield that comes again is another member.</summary>
    NumberAtEachJoin,

    /// <summary>Who is asked for everything is not told again what it has heard.</summary>
    NewsOnce,

    /// <summary>Who is asked for everything leaves out clients it counts nothing of any more.</summary>
    OnlyWhatCounts,

    /// <summary>Who is asked for everything leaves out clients only others count something of.</summary>
    OnlyItsOwn,

    /// <summary>What was counted since the last answer is reported, not what is counted.</summary>
    Differences,
}
