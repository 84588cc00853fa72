namespace SmtpShield.PostfixConf.Editing;

/// <summary>What <c>postconf</c> does to the entries it is told to change.</summary>
internal enum MainCfEdit
{
    /// <summary><c>-e name=value</c>: replace the entry, or append it.</summary>
    Set,

    /// <summary><c>-X name</c>: delete the entry.</summary>
    Delete,

    /// <summary><c>-# name</c>: put <c>#</c> before each of its lines.</summary>
    CommentOut,
}
