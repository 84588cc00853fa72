namespace SmtpShield.Tests.Limits.Shared.Model;

/// <summary>What the model's store knows of a shield.</summary>
internal readonly record struct ModelMember(int Number, int Sequence, int Told, bool IsAlive);

/// <summary>What it has of the client from a shield.</summary>
internal readonly record struct ModelField(int Window, int Open, int Rate);
