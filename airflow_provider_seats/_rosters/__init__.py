"""Where people come from: lists that operators hand over, and files."""
