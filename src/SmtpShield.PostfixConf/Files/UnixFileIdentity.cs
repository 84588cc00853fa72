namespace SmtpShield.PostfixConf.Files;

/// <summary>Which file it is, whatever its name: two paths with the same identity are the same file.</summary>
/// <param name="Kind"><see cref="UnixFile.RegularFile"/> and its sisters.</param>
/// <param name="DeviceMajor">The file system.</param>
/// <param name="DeviceMinor">The file system.</param>
/// <param name="Inode">Its number there.</param>
internal readonly record struct UnixFileIdentity(int Kind, uint DeviceMajor, uint DeviceMinor, ulong Inode);
