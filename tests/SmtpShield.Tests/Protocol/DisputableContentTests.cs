using SmtpShield.Protocol;

namespace SmtpShield.Tests.Protocol;

public class DisputableContentTests
{
    private static readonly (string Content, bool IsDisputable)[] s_rows =
    [
        ("", false),
        ("text\r\n.\r\n", false),
        (".\r\n", false),
        ("\r\n\r\n..\r\n\tx\x80\xff\r\n.\r\n", false),
        ("a\nb\r\n", true),
        ("\nb\r\n", true),
        ("a\rb\r\n", true),
        ("a\r\r\n", true),
        ("a\r\n\n", true),
        ("a\n\r\n", true),
        ("a\0\r\n", true),
        ("\0", true),
        ("\r\0", true),
        (new string('x', 998) + "\r\n" + new string('y', 998) + "\r\n", false),
        (new string('x', 999), true),
        ("short\r\n" + new string('x', 999) + "\r\n", true),
    ];

    [TestCaseSource(nameof(s_rows)), Property("Pool", "REUSE-3")]
    public void Add_CutAnywhere_FindsWhatParsersDispute((string Content, bool IsDisputable) row)
    {
        var octets = System.Text.Encoding.Latin1.GetBytes(row.Content);
        for (var cut = 0; cut <= octets.Length; cut++)
        {
            var content = default(DisputableContent);
            content.Add(octets.AsSpan(0, cut));
            content.Add(octets.AsSpan(cut));

            Assert.That(content.IsDisputable, Is.EqualTo(row.IsDisputable), $"cut at {cut}");
        }

        var byOctets = default(DisputableContent);
        foreach (var octet in octets)
            byOctets.Add([octet]);
        Assert.That(byOctets.IsDisputable, Is.EqualTo(row.IsDisputable), "by octets");
    }
}
