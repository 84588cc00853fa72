namespace SmtpShield.Host.Commands;

/// <summary>The option letters of <c>smtpshield postconf</c>, with postconf(1)'s meaning.</summary>
[Flags]
internal enum PostconfOptions
{
    /// <summary>Print values.</summary>
    None = 0,

    /// <summary><c>-d</c>: built-in defaults.</summary>
    Defaults = 1 << 0,

    /// <summary><c>-e</c>: edit.</summary>
    Edit = 1 << 1,

    /// <summary><c>-f</c>: fold long lines.</summary>
    Fold = 1 << 2,

    /// <summary><c>-#</c>: comment out.</summary>
    CommentOut = 1 << 3,

    /// <summary><c>-h</c>: without names.</summary>
    HideName = 1 << 4,

    /// <summary><c>-H</c>: without values.</summary>
    HideValue = 1 << 5,

    /// <summary><c>-n</c>: only what the file sets.</summary>
    OnlySet = 1 << 6,

    /// <summary><c>-o</c>: with overrides.</summary>
    Override = 1 << 7,

    /// <summary><c>-x</c>: expand <c>$name</c>.</summary>
    Expand = 1 << 8,

    /// <summary><c>-X</c>: delete.</summary>
    Delete = 1 << 9,

    /// <summary><c>-P</c>: the parameters of services.</summary>
    Services = 1 << 10,

    /// <summary>Those that change the file.</summary>
    AnyEdit = Edit | CommentOut | Delete,
}
