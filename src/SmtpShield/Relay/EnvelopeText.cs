using System.Text;

namespace SmtpShield.Relay;

/// <summary>The client's words that log lines quote: HELO name, sender, and the arguments of commands that wait for their reply. Bounded; for logs only.</summary>
internal sealed class EnvelopeText
{
    /// <summary>Octets kept of one argument.</summary>
    public const int Longest = 256;

    private byte[] _arguments = [];
    private byte[] _helo = [];
    private byte[] _sender = [];
    private byte[] _recipient = [];
    private int _length;
    private int _needless;
    private int _removed;
    private int _heloLength;
    private int _senderLength;
    private int _recipientLength;

    /// <summary>The client has said EHLO, and was offered PIPELINING: a HELO behind it does not take that back (smtpd.c, <c>helo_cmd</c>).</summary>
    public bool IsEsmtp { get; set; }

    /// <summary>The HELO or EHLO name; empty before.</summary>
    public ReadOnlySpan<byte> Helo => _helo.AsSpan(0, _heloLength);

    /// <summary>The sender of the open transaction, without angle brackets. Meaningful only while <see cref="HasSender"/>.</summary>
    public ReadOnlySpan<byte> Sender => _sender.AsSpan(0, _senderLength);

    /// <summary>The first recipient of the open transaction the MTA has accepted, without angle brackets; empty before. Postfix names it in lines about the whole message.</summary>
    public ReadOnlySpan<byte> FirstRecipient => Recipients > 0 ? _recipient.AsSpan(0, _recipientLength) : default;

    /// <summary>A transaction is open: the MTA has accepted MAIL.</summary>
    public bool HasSender { get; private set; }

    /// <summary>Recipients of the open transaction the MTA has accepted.</summary>
    public int Recipients { get; private set; }

    /// <summary>The MTA has accepted a chunk of the open transaction that was not its last: BDAT goes on with the message.</summary>
    public bool HasContent { get; set; }

    /// <summary>The MTA has accepted HELO or EHLO.</summary>
    public bool HasHelo { get; private set; }

    /// <summary>Keeps an argument until its command's reply.</summary>
    /// <returns>Where it is kept and how much of it.</returns>
    public (int Start, int Length) Keep(ReadOnlySpan<byte> argument)
    {
        if (argument.Length > Longest)
            argument = argument[..Longest];
        if (_arguments.Length - _length < argument.Length)
            MakeRoom(argument.Length);
        argument.CopyTo(_arguments.AsSpan(_length));
        _length += argument.Length;
        return (_removed + _length - argument.Length, argument.Length);
    }

    /// <summary>An argument kept before.</summary>
    public ReadOnlySpan<byte> Kept(in PendingCommand command) =>
        command.ArgumentLength == 0 ? default : _arguments.AsSpan(command.ArgumentStart - _removed, command.ArgumentLength);

    /// <summary>The oldest command has its reply: what was kept for it is not needed any more. A client that always has another command waiting must not make this grow.</summary>
    public void Forget(in PendingCommand command)
    {
        if (command.ArgumentLength > 0)
            _needless = command.ArgumentStart + command.ArgumentLength - _removed;
        if (_needless == _length)
            (_length, _needless, _removed) = (0, 0, 0);
    }

    /// <summary>The MTA has accepted HELO or EHLO: a new name, no transaction (RFC 5321 section 4.1.4).</summary>
    public void SetHelo(ReadOnlySpan<byte> name, bool isEsmtp)
    {
        IsEsmtp |= isEsmtp;
        HasHelo = true;
        _heloLength = Store(name, ref _helo);
        CloseTransaction();
    }

    /// <summary>The MTA has accepted MAIL.</summary>
    public void OpenTransaction(ReadOnlySpan<byte> sender)
    {
        _senderLength = Store(sender, ref _sender);
        HasSender = true;
        HasContent = false;
        Recipients = 0;
    }

    /// <summary>The MTA has accepted RCPT.</summary>
    public void AddRecipient(ReadOnlySpan<byte> recipient)
    {
        if (Recipients++ == 0)
            _recipientLength = Store(recipient, ref _recipient);
    }

    /// <summary>The transaction is over.</summary>
    public void CloseTransaction() => (HasSender, HasContent, Recipients) = (false, false, 0);

    /// <summary>Postfix's tail of a reject line: <c>from=&lt;a@b&gt; to=&lt;x@y&gt; proto=ESMTP helo=&lt;h&gt;</c>, what is not known left out.</summary>
    /// <param name="sender">The sender.</param>
    /// <param name="recipient">The recipient; empty when there is none.</param>
    /// <param name="hasSender">Whether there is a sender; the null sender is one.</param>
    public string Describe(ReadOnlySpan<byte> sender, ReadOnlySpan<byte> recipient, bool hasSender)
    {
        var text = new StringBuilder();
        if (hasSender)
            text.Append("from=<").Append(Telemetry.ClientText.Escape(sender)).Append("> ");
        if (!recipient.IsEmpty)
            text.Append("to=<").Append(Telemetry.ClientText.Escape(recipient)).Append("> ");
        text.Append("proto=").Append(IsEsmtp ? "ESMTP" : "SMTP");
        if (_heloLength > 0)
            text.Append(" helo=<").Append(Telemetry.ClientText.Escape(Helo)).Append('>');
        return text.ToString();
    }

    private void MakeRoom(int length)
    {
        _arguments.AsSpan(_needless.._length).CopyTo(_arguments);
        _removed += _needless;
        _length -= _needless;
        _needless = 0;
        if (_arguments.Length - _length < length)
            Array.Resize(ref _arguments, Math.Max(32, (_length + length) * 2));
    }

    private static int Store(ReadOnlySpan<byte> text, ref byte[] store)
    {
        if (text.Length > Longest)
            text = text[..Longest];
        if (store.Length < text.Length)
            store = new byte[text.Length];
        text.CopyTo(store);
        return text.Length;
    }
}
