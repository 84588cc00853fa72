using System.Net.Sockets;

namespace SmtpShield.Control;

/// <summary>How the file of the control socket comes to its place, and goes from there. Not thread-safe.</summary>
internal interface ISocketFile
{
    /// <summary>Makes a socket that listens, and its file.</summary>
    /// <exception cref="SocketException">It can't be made.</exception>
    /// <exception cref="IOException">Its file can't be made, or somebody else's is there.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory is not the shield's.</exception>
    Socket Make();

    /// <summary>Puts the file into its place, unless it is there or may not be.</summary>
    /// <param name="whyNot">What is in the way.</param>
    /// <returns>Whether it is there now.</returns>
    bool TryTakePlace(out string whyNot);

    /// <summary>Removes the file from its place, unless somebody else's is there by now.</summary>
    void Remove();
}
