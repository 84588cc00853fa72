using System.Security.Cryptography;
using System.Text;
using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Tls;

/// <summary>The keys and certificates in a PEM file, in their order, not yet decoded.</summary>
/// <param name="Path">The file.</param>
/// <param name="Objects">Each with its label, as in <c>PRIVATE KEY</c>, and its text.</param>
internal sealed record PemFile(string Path, IReadOnlyList<(string Label, string Text)> Objects)
{
    private const string CertificateLabel = "CERTIFICATE";
    private const string KeyLabel = "PRIVATE KEY";
    private const string NoObjects = "has no PEM objects";

    /// <summary>Reads a file.</summary>
    /// <exception cref="FormatException">It can't be read, or there is nothing of use in it; the message is for the administrator.</exception>
    public static PemFile Read(string path)
    {
        if (!ConfigurationText.TryReadBytes(path, out var bytes, out var error))
            throw new FormatException(error);

        var objects = new List<(string, string)>();
        var text = Encoding.Latin1.GetString(bytes);
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            var label = rest[fields.Label].ToString();
            if (label.EndsWith(KeyLabel, StringComparison.Ordinal) || label == CertificateLabel)
                objects.Add((label, rest[fields.Location].ToString()));
            rest = rest[fields.Location.End..];
        }

        // A file that is being written ends in the middle of an object.
        if (rest.Contains("-----BEGIN ", StringComparison.Ordinal))
            throw new FormatException("has a PEM object without its end");
        return objects.Count > 0 ? new(path, objects) : throw new FormatException(NoObjects);
    }

    /// <summary>Whether an object is a private key.</summary>
    public static bool IsKey((string Label, string Text) item) => item.Label.EndsWith(KeyLabel, StringComparison.Ordinal);
}
