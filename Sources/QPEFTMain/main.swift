internal import QPEFTCommands

await QPEFTCommand.launch()
