// Fixtures run one after the other if what they measure would be another under load: delays, a limit of seconds. Those that wait for events run side by side,
// each with a Postfix and ports of its own, as do the dialogues, each by itself (see DialogueTests).
[assembly: LevelOfParallelism(4)]
[assembly: Category("Postfix")]
