namespace SmtpShield.Host.Manual;

/// <summary>The pages of docs/reference that are in the program: those of the commands and of the parameters.</summary>
internal static class ReferencePages
{
    /// <summary>The page of the commands.</summary>
    public static string Commands => Read("commands.md");

    /// <summary>The page of a parameter.</summary>
    /// <returns>Null: there is none of this name.</returns>
    public static string? Parameter(string name) => Find($"parameters/{name}.md");

    private static string Read(string name) => Find(name) ?? throw new InvalidOperationException($"The program was built without {name}.");

    private static string? Find(string name)
    {
        using var stream = typeof(ReferencePages).Assembly.GetManifestResourceStream(name);
        if (stream is null)
            return null;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
