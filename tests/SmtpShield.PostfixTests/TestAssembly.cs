// Fixtures run one after the other, because they measure delays and load; only the dialogues run side by side (see DialogueTests).
[assembly: LevelOfParallelism(8)]
[assembly: Category("Postfix")]
