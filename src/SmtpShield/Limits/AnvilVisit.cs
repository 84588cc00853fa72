namespace SmtpShield.Limits;

/// <summary>Looks at some records of the <see cref="AnvilTable"/>, free ones among them.</summary>
/// <param name="records">Copies, which it may roll.</param>
/// <param name="now">The second they were copied in.</param>
/// <param name="window">Over which rates are counted.</param>
internal delegate void AnvilVisit(Span<AnvilEntry> records, int now, AnvilWindow window);
