using SmtpShield.PostfixConf.MainCf;

namespace SmtpShield.PostfixConf.MasterCf;

/// <summary>One service of a master.cf, its columns as written (master(5)).</summary>
/// <param name="Service">The first column: <c>smtp</c>, <c>127.0.0.1:10025</c>, <c>smtpd</c>.</param>
/// <param name="Type"><c>inet</c>, <c>unix</c>, <c>fifo</c>, <c>unix-dgram</c> or <c>pass</c>.</param>
/// <param name="Chroot">The fifth column: <c>y</c>, <c>n</c> or <c>-</c>.</param>
/// <param name="ProcessLimit">The seventh column, maxproc: a number, 0 for no limit, or <c>-</c> for <c>default_process_limit</c>.</param>
/// <param name="Command">The program, as in <c>smtpd</c>.</param>
/// <param name="Overrides">The <c>-o</c> options in their order; each with the line the service begins on.</param>
/// <param name="Options">The other options, as in <c>-v</c>.</param>
/// <param name="Line">The line the entry begins on, from 1.</param>
internal sealed record MasterCfEntry(
    string Service, string Type, string Chroot, string ProcessLimit, string Command, IReadOnlyList<MainCfEntry> Overrides,
    IReadOnlyList<string> Options, int Line)
{
    /// <summary>Whether it is an smtpd(8): the daemon whose limits the shield has.</summary>
    public bool IsSmtpd => Command == "smtpd";

    /// <summary>Whether it is a postscreen(8), which hands its clients to the <c>smtpd</c> of type <c>pass</c>.</summary>
    public bool IsPostscreen => Command == "postscreen";
}
