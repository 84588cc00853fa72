using SmtpShield.PostfixConf.Files;

namespace SmtpShield.Host.Import;

/// <summary>deploy/smtpshield/main.cf, which this program knows: where nobody has changed it there is nothing to lose.</summary>
internal static class SampleConfiguration
{
    /// <summary>Whether a file is the sample, as it was shipped with this program.</summary>
    public static bool Is(string path)
    {
        if (!ConfigurationText.TryReadBytes(path, out var bytes, out _))
            return false;
        using var sample = typeof(SampleConfiguration).Assembly.GetManifestResourceStream("sample-main.cf")!;
        using var content = new MemoryStream();
        sample.CopyTo(content);
        return bytes.AsSpan().SequenceEqual(content.GetBuffer().AsSpan(0, (int)content.Length));
    }
}
