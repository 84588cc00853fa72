using System.Text;

namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>A state as a text, so that each is looked at once.</summary>
internal sealed class ModelKey
{
    private readonly StringBuilder _text = new(80);

    public void Add(params ReadOnlySpan<int> numbers)
    {
        foreach (var number in numbers)
            _text.Append((char)(number + 1));
    }

    public override string ToString() => _text.ToString();
}
