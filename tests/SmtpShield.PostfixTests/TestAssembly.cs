// Fixtures run one after the other, because they measure delays and load; only the dialogues run side by side (see DialogueTests).
[assembly: LevelOfParallelism(4)]
[assembly: Category("Postfix")]
