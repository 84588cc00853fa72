namespace SmtpShield.Hosting;

/// <summary>The heap of this process, whose limit nothing survives. Tests have one of their own.</summary>
internal interface IHeap
{
    /// <summary>Octets in use now, garbage included.</summary>
    long InUse { get; }

    /// <summary>Collects the garbage and gives what is free back to the system.</summary>
    /// <returns>Octets that are left in use.</returns>
    long Collect();
}
