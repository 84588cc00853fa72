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
    private int _forgotten;
    private int _live;
    private int _length;
    private int _heloLength;
    private int _senderLength;

    /// <summary>The client said EHLO, not HELO.</summary>
    public bool IsEsmtp { get; private set; }

    /// <summary>The HELO or EHLO name; empty before.</summary>
    public ReadOnlySpan<byte> Helo => _helo.AsSpan(0, _heloLength);

    /// <summary>The sender of the open transaction, without angle brackets. Meaningful only while <see cref="HasSender"/>.</summary>
    public ReadOnlySpan<byte> Sender => _sender.AsSpan(0, _senderLength);

    /// <summary>A transaction is open: the MTA has accepted MAIL.</summary>
    public bool HasSender { get; private set; }

    /// <summary>The open transaction has a recipient.</summary>
    public bool HasRecipient { get; set; }

    /// <summary>Octets held for arguments.</summary>
    public int Capacity => _arguments.Length;

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
        return (_forgotten + _length - argument.Length, argument.Length);
    }

    /// <summary>An argument kept before.</summary>
    public ReadOnlySpan<byte> Kept(in PendingCommand command) => 
        command.ArgumentLength == 0 ? default : _arguments.AsSpan(command.ArgumentStart - _forgotten, command.ArgumentLength);

    /// <summary>No command waits: nothing kept is needed any more.</summary>
    public void ForgetKept() => _live = _length = 0;

    /// <summary>A command has got its reply: its argument, and those before it, are not needed any more. A client that always has a command waiting does not add up.</summary>
    public void Forget(in PendingCommand command)
    {
        if (command.ArgumentLength > 0)
            _live = command.ArgumentStart - _forgotten + command.ArgumentLength;
    }

    /// <summary>The MTA has accepted HELO or EHLO: a new name, no transaction (RFC 5321 section 4.1.4).</summary>
    public void SetHelo(ReadOnlySpan<byte> name, bool isEsmtp)
    {
        IsEsmtp = isEsmtp;
        _heloLength = Store(name, ref _helo);
        CloseTransaction();
    }

    /// <summary>The MTA has accepted MAIL.</summary>
    public void OpenTransaction(ReadOnlySpan<byte> sender)
    {
        _senderLength = Store(sender, ref _sender);
        HasSender = true;
    }

    /// <summary>The transaction is over.</summary>
    public void CloseTransaction() => HasSender = HasRecipient = false;

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

    // Positions count on from the session's start, so that commands that wait need not be told when what is before them goes.
    private void MakeRoom(int length)
    {
        var kept = _arguments.AsSpan(_live, _length - _live);
        var target = kept.Length + length > _arguments.Length / 2 ? new byte[Math.Max(128, (kept.Length + length) * 2)] : _arguments;
        kept.CopyTo(target);
        _arguments = target;
        _forgotten += _live;
        _length -= _live;
        _live = 0;
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
