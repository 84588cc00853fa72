// Fixtures run one after the other, because they measure delays and load, or take ports of their own choice; those that do neither side by side, as do the dialogues, each by itself (see DialogueTests).
[assembly: LevelOfParallelism(4)]
[assembly: Category("Postfix")]
